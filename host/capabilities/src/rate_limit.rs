//! How fast installs may do something, however many executions they have.

use alga_bundle::InstallId;
use governor::{DefaultKeyedRateLimiter, Quota};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Installs after which those that are quiet are forgotten.
const REMEMBERED: usize = 10_000;
/// Questions between two rounds of forgetting: a round walks over all.
const ROUND: usize = 10_000;

/// The rates of all installs, shared by whoever asks.
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

    /// Whether an install may do it once more now.
    pub(crate) fn allows(&self, install: &InstallId) -> bool {
        let Rates { rates, asked } = &*self.0;
        let is_round = asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(ROUND);
        if is_round && rates.len() > REMEMBERED {
            rates.retain_recent();
        }
        rates.check_key(install).is_ok()
    }
}
