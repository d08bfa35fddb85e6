use crate::{Engine, Limited};
use std::time::Instant;
use wasmtime::{Error, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

/// Ticks until a guest is first asked. At least 1: with 0 it would give way before its first instruction, which costs a fifth of a
/// short request.
const FIRST_TICK: u64 = 1;
/// Bytes that one host call may move between guest and host; wasmtime's default is 128 MiB.
const HOST_CALL_BYTES: usize = 8 * 1024 * 1024;
/// Handles that a guest may have open; wasmtime has no limit.
const GUEST_HANDLES: usize = 10_000;

/// When an execution must be over. Memory is limited by the [`crate::StoreLimiter`] in the store's data.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionLimits {
    /// The moment at which the guest is stopped, wherever it is.
    pub deadline: Instant,
}

/// Why a guest stopped before it was done.
#[derive(Debug)]
pub enum TerminationCause {
    /// Its time was over.
    Deadline,
    /// It wanted more memory than it may have. The text is of the trap that it ended in, for the log of the extension.
    MemoryLimit(String),
    /// Every place in the pool was taken.
    PoolExhausted,
    /// It trapped by itself. The text is for the log of the extension.
    Trap(String),
}

/// A fresh store: nothing of an earlier request is in it.
///
/// The deadline holds before the first instruction, so that start functions and allocation functions are under it as well.
pub fn new_store<T: Limited + 'static>(engine: &Engine, data: T, limits: ExecutionLimits) -> Store<T> {
    let mut store = Store::new(engine.wasmtime(), data);
    store.limiter(|data| data.limiter());
    store.set_hostcall_fuel(HOST_CALL_BYTES);
    store.set_max_component_handles(GUEST_HANDLES);
    store.set_epoch_deadline(FIRST_TICK);
    store.epoch_deadline_callback(move |_| {
        let is_over = Instant::now() >= limits.deadline;
        Ok(if is_over {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Yield(1)
        })
    });
    store
}

/// What an error of instantiation or of a call means. `refused_memory` is what the store's limiter says: a guest that cannot get
/// memory usually ends in `unreachable`, which alone would look like its own mistake.
#[must_use]
pub fn termination_cause(error: &Error, refused_memory: bool) -> TerminationCause {
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return TerminationCause::Deadline;
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return TerminationCause::PoolExhausted;
    }
    if refused_memory {
        return TerminationCause::MemoryLimit(format!("{error:#}"));
    }
    TerminationCause::Trap(format!("{error:#}"))
}
