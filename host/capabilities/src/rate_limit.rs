//! Rate limits per install, independent of the number of its executions.

use alga_bundle::InstallId;
use governor::{DefaultKeyedRateLimiter, Quota};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of tracked installs above which idle ones are evicted.
const TRACKED_INSTALLS: usize = 10_000;
/// Number of checks between two evictions, because each eviction visits all installs.
const ROUND: usize = 10_000;

/// Rate limiter for one kind of operation of all installs; clones share its state.
#[derive(Clone)]
pub(crate) struct InstallRateLimiter(Arc<Rates>);

struct Rates {
    rates: DefaultKeyedRateLimiter<InstallId>,
    asked: AtomicUsize,
}

impl InstallRateLimiter {
    pub(crate) fn new(quota: Quota) -> Self {
        Self(Arc::new(Rates {
            rates: DefaultKeyedRateLimiter::keyed(quota),
            asked: AtomicUsize::new(0),
        }))
    }

    /// Counts one operation of the install and returns whether it is within the rate.
    pub(crate) fn allows(&self, install: &InstallId) -> bool {
        let Rates { rates, asked } = &*self.0;
        let is_round = asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(ROUND);
        if is_round && rates.len() > TRACKED_INSTALLS {
            rates.retain_recent();
        }
        rates.check_key(install).is_ok()
    }
}
