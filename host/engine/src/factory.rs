use crate::{CacheKey, CompileError, Compiler, Engine, JournalEntry, MachineCode, MachineCodeCache};
use alga_errors::chain;
use alga_metrics::Latency;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use wasmtime::Module;
use wasmtime::component::Component;

/// Time for which a module of the host that did not compile is not compiled again.
const FAILURE_MEMORY: Duration = Duration::from_secs(5);

/// Core module of this host, which components share.
enum Shared {
    Loaded(Module),
    Failed(Instant, String),
}

/// Turns a component's bytes into a loaded component, with machine code from this host's cache, or
/// else compiled in a child process and then cached.
///
/// Reading, mapping and writing machine code needs milliseconds of the processor or the disk, so it
/// runs on blocking threads, never on those that serve requests.
#[derive(Clone)]
pub struct ComponentFactory {
    engine: Engine,
    compiler: Compiler,
    cache: Arc<MachineCodeCache>,
    compilations: Arc<AtomicU64>,
    cached_loads: Arc<AtomicU64>,
    compiling: Latency,
    /// Core modules of this host, by the digest of their bytes.
    modules: Arc<Mutex<BTreeMap<CacheKey, Shared>>>,
}

impl ComponentFactory {
    /// Creates a factory from engine, compiler and cache.
    #[must_use]
    pub fn new(engine: Engine, compiler: Compiler, cache: Arc<MachineCodeCache>) -> Self {
        Self {
            engine,
            compiler,
            cache,
            compilations: Arc::default(),
            cached_loads: Arc::default(),
            compiling: Latency::default(),
            modules: Arc::default(),
        }
    }

    /// Returns the engine that runs what this factory makes.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Number of compilations since startup.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.compilations.load(Ordering::Relaxed)
    }

    /// Number of components that were loaded from the cache of machine code.
    #[must_use]
    pub fn cached_loads(&self) -> u64 {
        self.cached_loads.load(Ordering::Relaxed)
    }

    /// Returns the durations of compilations.
    #[must_use]
    pub fn compiling(&self) -> &Latency {
        &self.compiling
    }

    /// Compiles and loads the smallest component, to check that the compiler runs here and was
    /// built for this engine. Called once at startup; afterwards, a component that cannot be loaded
    /// is itself at fault.
    ///
    /// # Errors
    /// Returns [`CompileError`] if the compiler cannot run, or its code cannot be loaded.
    pub async fn probe(&self) -> Result<(), CompileError> {
        let code = self.compiler.probe().await.map_err(|error| match error {
            CompileError::Refused(reason) => broken(reason),
            other => other,
        })?;
        let engine = self.engine.clone();
        let loaded = blocking(move || engine.load(&code)).await?;
        loaded.map(drop).map_err(|error| broken(chain(&error).to_string()))
    }

    /// Loads the component whose bytes have the SHA-256 digest `key`, compiling it if necessary.
    /// The journal entry, if there is one, is marked while this process loads machine code.
    ///
    /// # Errors
    /// Returns [`CompileError`] if the component cannot be compiled; [`CompileError::Refused`] also
    /// if it compiles, but has more memories, tables or instances than an execution may have.
    pub async fn make(
        &self,
        key: CacheKey,
        bytes: &[u8],
        entry: Option<&Arc<JournalEntry>>,
    ) -> Result<Component, CompileError> {
        let Self { engine, cache, .. } = self.clone();
        let (first, second) = (entry.cloned(), entry.cloned());
        let cached = blocking(move || {
            let code = cache.get(&key)?;
            let _mark = first.as_ref().map(|entry| entry.mark());
            engine.load(&code).ok()
        });
        let cached = cached.await?;
        if let Some(component) = cached {
            self.cached_loads.fetch_add(1, Ordering::Relaxed);
            return Ok(component);
        }
        self.compilations.fetch_add(1, Ordering::Relaxed);
        let code = self.compiling.time(self.compiler.compile(bytes)).await?;
        let Self { engine, cache, .. } = self.clone();
        blocking(move || {
            let mark = second.as_ref().map(|entry| entry.mark());
            let component = engine.load(&code);
            drop(mark);
            store(&cache, &key, &code);
            // This host's compiler produced the code just now for this engine, so a mismatch is the
            // component's fault.
            component.map_err(|error| CompileError::Refused(chain(&error).to_string()))
        })
        .await?
    }

    /// Loads a core module of this host, which components share, whose bytes have the SHA-256
    /// digest
    /// `key`. It is compiled once for each host, and loaded once for each process.
    ///
    /// # Errors
    /// Returns [`CompileError`] if it cannot be compiled now.
    pub async fn shared_module(&self, key: CacheKey, bytes: &[u8]) -> Result<Module, CompileError> {
        // Others wait for the first one: compiling an engine needs seconds.
        let mut modules = self.modules.lock().await;
        match modules.get(&key) {
            Some(Shared::Loaded(module)) => return Ok(module.clone()),
            Some(Shared::Failed(since, reason)) if since.elapsed() < FAILURE_MEMORY => {
                return Err(broken(reason.clone()));
            }
            _ => {}
        }
        let Self { engine, cache, .. } = self.clone();
        let cached = blocking(move || engine.load_module(&cache.get(&key)?).ok()).await?;
        let module = match cached {
            Some(module) => module,
            None => {
                let compiled = self.compiled_module(key, bytes).await;
                compiled.inspect_err(|error| {
                    modules.insert(key, Shared::Failed(Instant::now(), error.to_string()));
                })?
            }
        };
        modules.insert(key, Shared::Loaded(module.clone()));
        Ok(module)
    }

    async fn compiled_module(&self, key: CacheKey, bytes: &[u8]) -> Result<Module, CompileError> {
        self.compilations.fetch_add(1, Ordering::Relaxed);
        let compile = self.compiler.compile_module(bytes);
        let code = self.compiling.time(compile).await.map_err(of_host)?;
        let Self { engine, cache, .. } = self.clone();
        blocking(move || {
            store(&cache, &key, &code);
            let loaded = engine.load_module(&code);
            loaded.map_err(|error| broken(chain(&error).to_string()))
        })
        .await?
    }
}

/// Returns the host's own failure: nothing that a publisher can change.
fn broken(reason: String) -> CompileError {
    CompileError::Pipe(std::io::Error::other(reason))
}

/// Blames the host for a module of its own that does not compile within the limits.
fn of_host(error: CompileError) -> CompileError {
    match error {
        CompileError::Refused(_) | CompileError::TooCostly(_) => broken(error.to_string()),
        other => other,
    }
}

fn store(cache: &MachineCodeCache, key: &CacheKey, code: &MachineCode) {
    if let Err(error) = cache.put(key, code) {
        tracing::warn!(error = %chain(&error), "machine code could not be cached; it will be compiled again");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CompileError> {
    spawn_blocking(work)
        .await
        .map_err(|error| CompileError::Pipe(std::io::Error::other(error)))
}
