use crate::{Engine, GuestLimit, GuestProfile, Limited};
use alga_errors::beginning;
use alga_limits::ASYNC_HANDLES;
use rustc_demangle::demangle;
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

/// Maximum bytes of a part of an error, such as a backtrace with the names of functions, before its
/// later frames are left out. A guest chooses names.
const PART_BYTES: usize = 8 * 1024;

/// Maximum bytes of a function's name in a frame.
const FRAME_NAME_BYTES: usize = 256;

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
        .map(|part| without_deep_frames(&beginning(part, PART_BYTES)))
        .collect();
    let text = parts.join(": ");
    match GuestLimit::of(error).or(refused) {
        Some(limit) => TerminationCause::Limit(limit, text),
        None => TerminationCause::Trap(text),
    }
}

/// Returns a part of an error without the lines of a backtrace's later frames, and with the names
/// of functions as they are in their sources.
fn without_deep_frames(part: &str) -> String {
    let line = |line: &str| match frame_number(line) {
        Some(number) if number >= LOGGED_FRAMES => None,
        Some(_) => Some(with_readable_name(line)),
        None => Some(line.to_owned()),
    };
    part.lines().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// Returns the number of the frame on a line of a backtrace: `  3: 0x5a - module!function`.
fn frame_number(line: &str) -> Option<usize> {
    let (number, _) = line.trim_start().split_once(": ")?;
    number.parse().ok()
}

fn with_readable_name(frame: &str) -> String {
    let Some((place, name)) = frame.split_once('!') else {
        return frame.to_owned();
    };
    // Demangling makes up to a megabyte of a few hundred bytes.
    let name = beginning(&format_args!("{:#}", demangle(name)), FRAME_NAME_BYTES);
    format!("{place}!{name}")
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
        let mangled = "  0: 0x5 - m!_ZN5traps6handle17h0123456789abcdefE\n  1: 0x9 - m!_RNvCs1234_5traps6handle";
        assert_eq!(
            without_deep_frames(mangled),
            "  0: 0x5 - m!traps::handle\n  1: 0x9 - m!traps::handle"
        );
        let long = without_deep_frames(&format!("  0: 0x5 - m!{}", "n".repeat(5_000)));
        assert!(long.len() < FRAME_NAME_BYTES + 30, "{long}");
        assert_eq!(
            without_deep_frames("wasm trap: out of stack"),
            "wasm trap: out of stack"
        );
    }
}
