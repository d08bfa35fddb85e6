//! Clock of one execution: the time in which it ran, without the time in which it waited.
//!
//! Before each poll, the run slots start the clock of the thread at the time that the execution has
//! used so far. Hooks of the store read it at the borders between guest and host.

use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

thread_local! {
    static COUNTS_PROCESSOR_TIME: Cell<bool> = const { Cell::new(false) };
    /// Time that the execution had used when it was polled, and the thread's time at that moment.
    static STARTED: Cell<(Duration, Duration)> = const { Cell::new((Duration::ZERO, Duration::ZERO)) };
}

/// Makes [`thread_time`] of the calling thread its processor time: the operating system interrupts
/// it for other threads.
pub fn count_processor_time() {
    COUNTS_PROCESSOR_TIME.set(true);
}

/// True on threads that called [`count_processor_time`].
#[must_use]
pub fn counts_processor_time() -> bool {
    COUNTS_PROCESSOR_TIME.get()
}

/// Returns the time of a clock that measures what the calling thread uses between two calls. It is
/// the time that passes, unless the thread counts its processor time: reading that costs ten times
/// as much, and without interruptions both are the same.
#[must_use]
pub fn thread_time() -> Duration {
    if !counts_processor_time() {
        return monotonic_time();
    }
    processor_time()
}

/// Returns the time since the first call in this process.
#[must_use]
pub fn monotonic_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Returns the processor time of the calling thread.
#[must_use]
pub fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Starts the clock for an execution that has used this much time so far, at this
/// [`monotonic_time`], and returns [`thread_time`].
pub fn start_execution_clock(used: Duration, monotonic: Duration) -> Duration {
    let now = if counts_processor_time() {
        processor_time()
    } else {
        monotonic
    };
    STARTED.set((used, now));
    now
}

/// Returns the time that the execution which this thread polls has used.
#[must_use]
pub fn execution_time() -> Duration {
    let (used, since) = STARTED.get();
    used + thread_time().saturating_sub(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_continues_where_the_execution_was_interrupted() {
        start_execution_clock(Duration::from_secs(5), monotonic_time());
        let read = execution_time();
        assert!(
            read >= Duration::from_secs(5) && read < Duration::from_secs(6),
            "{read:?}"
        );
        start_execution_clock(Duration::ZERO, monotonic_time());
        assert!(execution_time() < Duration::from_secs(1));
    }

    #[test]
    fn a_thread_that_waits_uses_no_processor_time() {
        std::thread::spawn(|| {
            count_processor_time();
            let before = thread_time();
            std::thread::sleep(Duration::from_millis(50));
            assert!(thread_time() - before < Duration::from_millis(25));
        })
        .join()
        .unwrap();
    }
}
