use crate::ticker::Ticker;
use crate::{CodeOptions, MachineCode, PoolSettings, settings};
use std::sync::Arc;
use wasmtime::Module;
use wasmtime::component::Component;

/// Source of the memories and stacks of guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool that was reserved at start.
    Pooling,
    /// From the system, for each request, because the pool could not be reserved.
    OnDemand,
}

/// Failure to set up the engine.
#[derive(Debug, thiserror::Error)]
#[error("the engine could not be set up")]
pub struct EngineError(#[source] Arc<wasmtime::Error>);

/// Failure to load machine code: it was compiled with other settings or for another processor.
#[derive(Debug, thiserror::Error)]
#[error("the machine code does not fit this engine")]
pub struct LoadError(#[source] wasmtime::Error);

/// The single wasmtime engine of this process. Cheap to clone; the epoch advances as long as one
/// clone lives.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    allocation: Allocation,
    code: CodeOptions,
    ticker: Arc<Ticker>,
}

impl Engine {
    /// Sets up the engine, with a pool if one can be reserved.
    ///
    /// # Errors
    /// Returns [`EngineError`] if this machine cannot run guests at all.
    pub fn new(pool: &PoolSettings) -> Result<Self, EngineError> {
        let engine_error = |error| EngineError(Arc::new(error));
        let start = |is_pooled| wasmtime::Engine::new(&settings::runner_config(pool, is_pooled));
        let (inner, allocation) = match start(true) {
            Ok(engine) => (engine, Allocation::Pooling),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), components = pool.components, "no pool could be reserved; guests get memory on demand");
                (start(false).map_err(engine_error)?, Allocation::OnDemand)
            }
        };
        let ticker = Ticker::start(&inner).map_err(|error| engine_error(error.into()))?;
        Ok(Self {
            inner,
            allocation,
            code: pool.code,
            ticker: Arc::new(ticker),
        })
    }

    /// The wasmtime engine, for linkers and stores.
    #[must_use]
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// True if components of WASI 0.3 run.
    #[must_use]
    pub fn runs_wasi_0_3(&self) -> bool {
        self.code.runs_wasi_0_3
    }

    /// Source of memories and stacks.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// True while the epoch advances. Otherwise no guest can be stopped, and this process must not
    /// accept requests.
    #[must_use]
    pub fn is_ticking(&self) -> bool {
        self.ticker.is_alive()
    }

    /// Makes machine code executable.
    ///
    /// # Errors
    /// Returns [`LoadError`] if the code was compiled with other settings or for another processor;
    /// it must be compiled again.
    pub fn load(&self, code: &MachineCode) -> Result<Component, LoadError> {
        #[expect(unsafe_code, reason = "loading machine code is running it; see the proof below")]
        // SAFETY: `deserialize` requires bytes that wasmtime itself has produced. A `MachineCode`
        // exists only as the output of this host's compiler child, read from its pipe, or as a
        // cache record whose MAC under this host's key was verified over exactly the bytes given
        // here. Wasmtime checks version, settings and processor features on top.
        let component = unsafe { Component::deserialize(&self.inner, code.as_bytes()) };
        component.map_err(LoadError)
    }

    /// Makes the machine code of a core module executable.
    ///
    /// # Errors
    /// Returns [`LoadError`] as [`Engine::load`] does.
    pub fn load_module(&self, code: &MachineCode) -> Result<Module, LoadError> {
        #[expect(unsafe_code, reason = "loading machine code is running it; see the proof in `load`")]
        // SAFETY: as in `load`: the bytes are those of this host's compiler.
        let module = unsafe { Module::deserialize(&self.inner, code.as_bytes()) };
        module.map_err(LoadError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_cannot_be_reserved_is_replaced_by_memory_on_demand() {
        // Petabytes of address space, more than any processor supports.
        let pool = PoolSettings {
            components: 1_000_000,
            ..PoolSettings::default()
        };
        let engine = Engine::new(&pool).unwrap();
        assert_eq!(engine.allocation(), Allocation::OnDemand);
        assert!(engine.is_ticking());
        assert_eq!(
            Engine::new(&PoolSettings::default()).unwrap().allocation(),
            Allocation::Pooling
        );
    }
}
