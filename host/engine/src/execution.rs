use crate::{Engine, GuestLimit, Limited};
use alga_limits::ASYNC_HANDLES;
use std::time::Instant;
use wasmtime::{Error, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

/// Epoch ticks until the deadline callback first runs. At least 1: with 0 the guest would yield
/// before its first instruction, which costs a fifth of a short request.
const FIRST_TICK: u64 = 1;
/// Bytes that one host call may copy between guest and host; wasmtime's default is 128 MiB.
const HOST_CALL_BYTES: usize = 8 * 1024 * 1024;
/// Resource handles that a guest may have open; wasmtime has no limit.
const GUEST_HANDLES: usize = 10_000;

/// Limits of time and fuel of an execution. Memory is limited by the [`crate::StoreLimiter`] in the
/// store's data.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionLimits {
    /// The instant at which the guest is interrupted, at any instruction.
    pub deadline: Instant,
    /// Fuel that the guest may use, if its machine code counts it: about one for each instruction.
    pub fuel: Option<u64>,
}

/// Cause for which a guest stopped early.
#[derive(Debug)]
pub enum TerminationCause {
    /// The deadline has passed.
    Deadline,
    /// The guest exceeded a limit. The text of the resulting trap is for the extension's log.
    Limit(GuestLimit, String),
    /// The guest has used all of its fuel.
    FuelExhausted,
    /// Every slot of the pool was in use.
    PoolExhausted,
    /// The guest trapped by itself. The text is for the extension's log.
    Trap(String),
}

/// Creates a fresh store, without data of an earlier request.
///
/// The deadline applies from the first instruction on, so that start functions and allocation
/// functions are bound by it, too.
pub fn new_store<T: Limited + 'static>(engine: &Engine, data: T, limits: ExecutionLimits) -> Store<T> {
    let mut store = Store::new(engine.wasmtime(), data);
    store.limiter(|data| data.limiter());
    store.set_hostcall_fuel(HOST_CALL_BYTES);
    store.set_max_component_handles(GUEST_HANDLES);
    // Without this limit, a million.
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(ASYNC_HANDLES as usize);
    }
    store.set_epoch_deadline(FIRST_TICK);
    if let Some(fuel) = limits.fuel {
        // Fails only if the engine does not count fuel; then there is nothing to limit.
        store.set_fuel(fuel).ok();
    }
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

/// Returns the cause of an error of instantiation or of a call. `refused` is the state of the
/// store's limiter: a guest that cannot get memory usually ends in `unreachable`, which alone would
/// look like a bug of the guest.
#[must_use]
pub fn termination_cause(error: &Error, refused: Option<GuestLimit>) -> TerminationCause {
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return TerminationCause::Deadline;
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
        return TerminationCause::FuelExhausted;
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return TerminationCause::PoolExhausted;
    }
    let text = format!("{error:#}");
    match GuestLimit::of(error).or(refused) {
        Some(limit) => TerminationCause::Limit(limit, text),
        None => TerminationCause::Trap(text),
    }
}
