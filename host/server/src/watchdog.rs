//! Ends a process that cannot end its executions any more, so that a supervisor starts another one.

use alga_execute::{ExecuteService, slices_older_than};
use std::io;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

/// Interval of looking.
const INTERVAL: Duration = Duration::from_millis(500);
/// Rounds in a row after which something is a reason: a process that was stopped for a while has
/// continued by then.
const ROUNDS: u32 = 4;
/// Age at which a slice is stuck, while it is a millisecond, and a host call that computes a little
/// more.
const STUCK: Duration = Duration::from_mins(1);
/// Time for the log to be written.
const LOG_TIME: Duration = Duration::from_millis(200);

/// State of a watchdog.
#[derive(Debug, Default)]
struct Watched {
    rounds_without_tick: u32,
    rounds_stuck: u32,
}

impl Watched {
    /// Returns the reason to end the process, if there is one.
    fn look(&mut self, is_ticking: bool, are_all_stuck: bool) -> Option<&'static str> {
        let count = |rounds: u32, is_wrong: bool| if is_wrong { rounds.saturating_add(1) } else { 0 };
        self.rounds_without_tick = count(self.rounds_without_tick, !is_ticking);
        self.rounds_stuck = count(self.rounds_stuck, are_all_stuck);
        if self.rounds_without_tick >= ROUNDS {
            return Some("the clock that ends executions stands still");
        }
        (self.rounds_stuck >= ROUNDS).then_some("no execution returns its run slot")
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
            let are_all_stuck = slices_older_than(STUCK) >= execute.run_slots();
            let reason = watched.look(execute.is_ticking(), are_all_stuck);
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
    fn what_is_wrong_for_some_rounds_in_a_row_is_a_reason() {
        let mut watched = Watched::default();
        let rounds = [(false, true), (false, true), (false, true), (true, false)];
        for (is_ticking, are_all_stuck) in rounds.repeat(3) {
            assert!(watched.look(is_ticking, are_all_stuck).is_none());
        }
        let rounds = |mut watched: Watched, is_ticking, are_all_stuck| {
            (1..).find_map(|round| Some((round, watched.look(is_ticking, are_all_stuck)?)))
        };
        let (round, reason) = rounds(Watched::default(), false, false).unwrap();
        assert!(round == ROUNDS && reason.contains("clock"), "{round}: {reason}");
        let (round, reason) = rounds(Watched::default(), true, true).unwrap();
        assert!(round == ROUNDS && reason.contains("run slot"), "{round}: {reason}");
    }
}
