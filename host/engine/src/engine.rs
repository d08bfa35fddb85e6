use crate::ticker::Ticker;
use crate::{MachineCode, settings};
use alga_limits::Ceilings;
use std::sync::Arc;
use wasmtime::component::Component;

/// How large the pool of a process is.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Components that may run at the same time. Each reserves 4 GiB of address space for each of its memories, not of memory.
    pub components: u32,
    /// Bytes of each memory and table that are wiped and kept instead of given back to the system after every request.
    ///
    /// A guest of the SDK has 64 KiB of stack, its data and a little heap: wiping that costs a few microseconds, giving it back and
    /// faulting it in again several times as much, and stalls the other processors. What is beyond is given back. What is kept is
    /// set to zero before the place is free; `no_byte_of_a_guest_reaches_the_next_one` looks for leftovers.
    pub keep_resident_bytes: usize,
    /// The largest memory and the largest table that a guest may have.
    pub ceilings: Ceilings,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            components: 256,
            keep_resident_bytes: 512 * 1024,
            ceilings: Ceilings::default(),
        }
    }
}

/// Where memories and stacks of guests come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool that was reserved at start.
    Pooling,
    /// From the system, for each request: the pool could not be reserved.
    OnDemand,
}

/// The engine could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the engine could not be set up")]
pub struct EngineError(#[source] Arc<wasmtime::Error>);

/// Machine code could not be loaded: it was made with other settings or for another processor.
#[derive(Debug, thiserror::Error)]
#[error("the machine code does not fit this engine")]
pub struct LoadError(#[source] wasmtime::Error);

/// The one engine of this process. Cheap to clone; time for guests advances as long as one clone lives.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    allocation: Allocation,
    ticker: Arc<Ticker>,
}

impl Engine {
    /// Sets up the engine, with a pool if one can be reserved.
    ///
    /// # Errors
    /// When this machine cannot run guests at all.
    pub fn new(pool: &PoolSettings) -> Result<Self, EngineError> {
        let engine_error = |error| EngineError(Arc::new(error));
        let (inner, allocation) = match wasmtime::Engine::new(&settings::runner_config(Some(pool))) {
            Ok(engine) => (engine, Allocation::Pooling),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), components = pool.components, "no pool could be reserved; guests get memory on demand");
                let engine = wasmtime::Engine::new(&settings::runner_config(None)).map_err(engine_error)?;
                (engine, Allocation::OnDemand)
            }
        };
        let ticker = Ticker::start(&inner).map_err(|error| engine_error(error.into()))?;
        Ok(Self {
            inner,
            allocation,
            ticker: Arc::new(ticker),
        })
    }

    /// The wasmtime engine, for linkers and stores.
    #[must_use]
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Where memories and stacks come from.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// Whether time for guests advances. If not, no guest can be stopped, and this process must not take requests.
    #[must_use]
    pub fn is_ticking(&self) -> bool {
        self.ticker.is_alive()
    }

    /// Makes machine code executable.
    ///
    /// # Errors
    /// When it was made with other settings or for another processor; compile again.
    pub fn load(&self, code: &MachineCode) -> Result<Component, LoadError> {
        #[expect(unsafe_code, reason = "loading machine code is running it; see the proof below")]
        // SAFETY: `deserialize` requires bytes that wasmtime itself has produced. A `MachineCode` exists only as the output of our own
        // compiler child, read from its pipe, or as a cache record whose MAC under this host's key has been verified over exactly the
        // bytes given here. Wasmtime checks version, settings and processor features on top.
        let component = unsafe { Component::deserialize(&self.inner, code.as_bytes()) };
        component.map_err(LoadError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_cannot_be_reserved_is_replaced_by_memory_on_demand() {
        // Petabytes of address space: no processor has them.
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
