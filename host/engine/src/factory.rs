use crate::{CacheKey, CompileError, Compiler, Engine, MachineCode, MachineCodeCache};
use alga_errors::chain;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::spawn_blocking;
use wasmtime::component::Component;

/// A component with nothing in it: the preamble (component model, `Binary.md`).
const SMALLEST_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// From a component's bytes to something that can be instantiated: machine code from this host's cache, else compiled in a child and kept.
///
/// Reading, mapping and writing machine code takes milliseconds of the processor or the disk: it happens on threads that may block, never on
/// those that serve requests.
#[derive(Clone)]
pub struct ComponentFactory {
    engine: Engine,
    compiler: Compiler,
    cache: Arc<MachineCodeCache>,
    compilations: Arc<AtomicU64>,
}

impl ComponentFactory {
    /// A factory that has made nothing yet.
    #[must_use]
    pub fn new(engine: Engine, compiler: Compiler, cache: Arc<MachineCodeCache>) -> Self {
        Self {
            engine,
            compiler,
            cache,
            compilations: Arc::default(),
        }
    }

    /// How often a component was compiled since the start.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.compilations.load(Ordering::Relaxed)
    }

    /// Compiles and loads the smallest component: whether the compiler runs here and was built for this engine. Asked once, before anybody
    /// relies on it; afterwards, what cannot be loaded is the component's fault.
    ///
    /// # Errors
    /// See [`CompileError`].
    pub async fn probe(&self) -> Result<(), CompileError> {
        let broken = |reason: String| CompileError::Pipe(std::io::Error::other(reason));
        let code = self
            .compiler
            .compile(SMALLEST_COMPONENT)
            .await
            .map_err(|error| match error {
                CompileError::Refused(reason) => broken(reason),
                other => other,
            })?;
        let engine = self.engine.clone();
        let loaded = blocking(move || engine.load(&code)).await?;
        loaded.map(drop).map_err(|error| broken(chain(&error).to_string()))
    }

    /// Makes the component whose bytes have the SHA-256 `key`.
    ///
    /// # Errors
    /// See [`CompileError`]. One that compiles but has more memories, tables or instances than an execution may have is refused, too.
    pub async fn make(&self, key: CacheKey, bytes: &[u8]) -> Result<Component, CompileError> {
        let Self { engine, cache, .. } = self.clone();
        let cached = blocking(move || cache.get(&key).and_then(|code| engine.load(&code).ok())).await?;
        if let Some(component) = cached {
            return Ok(component);
        }
        self.compilations.fetch_add(1, Ordering::Relaxed);
        let code = self.compiler.compile(bytes).await?;
        let Self { engine, cache, .. } = self.clone();
        blocking(move || {
            let component = engine.load(&code);
            keep(&cache, &key, &code);
            // Made a moment ago by our own compiler for this engine: what does not fit is the component.
            component.map_err(|error| CompileError::Refused(chain(&error).to_string()))
        })
        .await?
    }
}

fn keep(cache: &MachineCodeCache, key: &CacheKey, code: &MachineCode) {
    if let Err(error) = cache.put(key, code) {
        tracing::warn!(error = %chain(&error), "machine code could not be kept; it will be compiled again");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CompileError> {
    spawn_blocking(work)
        .await
        .map_err(|error| CompileError::Pipe(std::io::Error::other(error)))
}
