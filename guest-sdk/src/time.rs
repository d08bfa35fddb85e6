//! The time, through `wasi:clocks`. `std::time::SystemTime::now()` traps on this target; use these instead.
//!
//! Both clocks have a resolution of one millisecond, so that they are of no use for spying on a neighbour.

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use std::time::Duration;

/// Time since the Unix epoch.
#[must_use]
pub fn unix() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}

/// Time since an arbitrary start; it never goes back.
#[must_use]
pub fn monotonic() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Waits. The wait counts against the execution's deadline.
pub fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanoseconds).block();
}
