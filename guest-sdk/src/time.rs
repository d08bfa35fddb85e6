//! Clocks and sleep, through `wasi:clocks`. `std::time::SystemTime::now()` traps on this target;
//! use these functions instead.
//!
//! Both clocks have a resolution of one millisecond, too coarse for a timing attack on another
//! tenant.

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use std::time::Duration;

/// Returns the time since the Unix epoch.
#[must_use]
pub fn unix() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}

/// Returns the time since an arbitrary start; it never decreases.
#[must_use]
pub fn monotonic() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Blocks for a duration, which counts against the execution's deadline.
pub fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanoseconds).block();
}
