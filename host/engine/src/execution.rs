use crate::{Engine, GuestLimit, GuestProfile, Limited};
use alga_limits::ASYNC_HANDLES;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{Error, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

/// Epoch ticks until the deadline callback first runs. At least 1: with 0 the guest would yield
/// before its first instruction, which costs a fifth of a short request.
const FIRST_TICK: u64 = 1;
/// Bytes that one host call may copy between guest and host; wasmtime's default is 128 MiB.
const HOST_CALL_BYTES: usize = 8 * 1024 * 1024;
/// Resource handles that a guest may have open; wasmtime has no limit.
const GUEST_HANDLES: usize = 10_000;

/// Frames of a guest's stack in the text of a trap: enough to locate the error, too few to flood
/// the log.
const LOGGED_FRAMES: usize = 16;

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
/// functions are bound by it, too. The guest is sampled for a profile, if there is one.
pub fn new_store<T: Limited + 'static>(
    engine: &Engine,
    data: T,
    limits: ExecutionLimits,
    profile: Option<Arc<GuestProfile>>,
) -> Store<T> {
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
    store.epoch_deadline_callback(move |store| {
        if let Some(profile) = &profile {
            profile.sample(&store);
        }
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
    let parts: Vec<_> = error
        .chain()
        .map(|part| without_deep_frames(&part.to_string()))
        .collect();
    let text = parts.join(": ");
    match GuestLimit::of(error).or(refused) {
        Some(limit) => TerminationCause::Limit(limit, text),
        None => TerminationCause::Trap(text),
    }
}

/// Returns a part of an error without the lines of a backtrace's later frames.
fn without_deep_frames(part: &str) -> String {
    let is_deep = |line: &&str| {
        let number = line
            .trim_start()
            .split_once(": ")
            .map(|(number, _)| number.parse::<usize>());
        number.is_some_and(|number| number.is_ok_and(|number| number >= LOGGED_FRAMES))
    };
    part.lines()
        .filter(|line| !is_deep(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_trap_has_the_first_frames_and_the_rest_of_the_error() {
        let frames: String = (0..64).map(|number| format!("\n   {number}: 0x5 - m!f")).collect();
        let text = without_deep_frames(&format!("error while executing at wasm backtrace:{frames}"));
        assert_eq!(text.lines().count(), 1 + LOGGED_FRAMES);
        assert!(text.ends_with("15: 0x5 - m!f"), "{text}");
        assert_eq!(
            without_deep_frames("wasm trap: out of stack"),
            "wasm trap: out of stack"
        );
    }
}
