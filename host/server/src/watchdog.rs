//! Ends a process that cannot end its executions any more, so that a supervisor starts another one.

use alga_execute::ExecuteService;
use std::io;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

/// Interval of looking.
const INTERVAL: Duration = Duration::from_millis(500);
/// Rounds in a row in which the engine's clock stands still: more than a process that was stopped
/// for a while needs to continue.
const ROUNDS_WITHOUT_TICK: u32 = 4;
/// Rounds in a row in which all run slots are in use and none is returned: a minute, while a slice
/// is a millisecond, and a host call that computes a little more.
const ROUNDS_WITHOUT_SLICE: u32 = 120;
/// Time for the log to be written.
const LOG_TIME: Duration = Duration::from_millis(200);

/// State of a watchdog.
#[derive(Debug, Default)]
struct Watched {
    rounds_without_tick: u32,
    rounds_without_slice: u32,
    slices: u64,
}

impl Watched {
    /// Returns the reason to end the process, if there is one.
    fn look(&mut self, is_ticking: bool, (is_full, slices): (bool, u64)) -> Option<&'static str> {
        self.rounds_without_tick = if is_ticking { 0 } else { self.rounds_without_tick + 1 };
        let is_stuck = is_full && slices == self.slices;
        self.rounds_without_slice = if is_stuck { self.rounds_without_slice + 1 } else { 0 };
        self.slices = slices;
        if self.rounds_without_tick >= ROUNDS_WITHOUT_TICK {
            return Some("the clock that ends executions stands still");
        }
        (self.rounds_without_slice >= ROUNDS_WITHOUT_SLICE).then_some("no execution returns its run slot")
    }
}

/// Starts the watchdog; it ends when the service is dropped.
///
/// # Errors
/// Returns the operating system's error if it starts no thread.
pub(crate) fn start(execute: Weak<ExecuteService>) -> io::Result<()> {
    let watch = move || {
        let mut watched = Watched::default();
        while let Some(execute) = execute.upgrade() {
            let reason = watched.look(execute.is_ticking(), execute.slices());
            drop(execute);
            if let Some(reason) = reason {
                tracing::error!(reason, "this process ends, because it cannot enforce its limits");
                thread::sleep(LOG_TIME);
                std::process::abort();
            }
            thread::sleep(INTERVAL);
        }
    };
    thread::Builder::new().name("watchdog".into()).spawn(watch).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_still_for_some_rounds_in_a_row_is_a_reason() {
        let mut watched = Watched::default();
        let rounds = [false, false, false, true, false, false, false];
        assert!(
            rounds
                .iter()
                .all(|is_ticking| watched.look(*is_ticking, (false, 0)).is_none())
        );
        assert!(watched.look(false, (false, 0)).unwrap().contains("clock"));
    }

    #[test]
    fn slots_that_are_all_in_use_for_a_minute_without_a_return_are_a_reason() {
        let mut watched = Watched::default();
        for slices in 0..1_000 {
            assert!(watched.look(true, (true, slices)).is_none(), "each is returned");
        }
        for _ in 0..1_000 {
            assert!(watched.look(true, (false, 999)).is_none(), "not all are in use");
        }
        let rounds = (1..).find(|_| watched.look(true, (true, 999)).is_some());
        assert_eq!(rounds, Some(ROUNDS_WITHOUT_SLICE));
    }
}
