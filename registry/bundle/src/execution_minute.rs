//! Executions counted by minute: every one that was admitted, whether or not it has a record.

use crate::{InstallId, TenantId};
use std::sync::Arc;

/// Upper bounds of the buckets of durations, in microseconds; a last bucket has what is longer.
pub const DURATION_BOUNDS_US: [u64; 15] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
    10_000_000, 30_000_000,
];

/// Number of buckets.
pub const DURATION_BUCKETS: usize = DURATION_BOUNDS_US.len() + 1;

/// Sums of executions with the same place and outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExecutionTotals {
    /// Number of executions.
    pub executions: u64,
    /// Number of those whose component had to be loaded first.
    pub cold: u64,
    /// Time from arrival to response, in microseconds.
    pub duration_us: u64,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Part of `cpu_us` of the guests' own code.
    pub guest_cpu_us: u64,
    /// Time of waiting, in microseconds.
    pub queued_us: u64,
    /// Highest peak of memory in bytes.
    pub memory_peak_bytes: u64,
    /// Peak memory times duration, in KiB times milliseconds.
    pub memory_kib_ms: u64,
    /// Calls to the host.
    pub host_calls: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
    /// Numbers of executions by duration, in the order of [`DURATION_BOUNDS_US`].
    pub durations: [u64; DURATION_BUCKETS],
}

impl ExecutionTotals {
    /// Adds other executions.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in [
            (&mut self.executions, other.executions),
            (&mut self.cold, other.cold),
            (&mut self.duration_us, other.duration_us),
            (&mut self.cpu_us, other.cpu_us),
            (&mut self.guest_cpu_us, other.guest_cpu_us),
            (&mut self.queued_us, other.queued_us),
            (&mut self.memory_kib_ms, other.memory_kib_ms),
            (&mut self.host_calls, other.host_calls),
            (&mut self.request_bytes, other.request_bytes),
            (&mut self.response_bytes, other.response_bytes),
            (&mut self.egress_bytes, other.egress_bytes),
            (&mut self.ingress_bytes, other.ingress_bytes),
        ] {
            *own = own.saturating_add(more);
        }
        self.memory_peak_bytes = self.memory_peak_bytes.max(other.memory_peak_bytes);
        for (own, more) in self.durations.iter_mut().zip(other.durations) {
            *own = own.saturating_add(more);
        }
    }

    /// Counts a duration in its bucket.
    pub fn count_duration(&mut self, duration_us: u64) {
        let bucket = DURATION_BOUNDS_US.partition_point(|bound| *bound < duration_us);
        if let Some(executions) = self.durations.get_mut(bucket) {
            *executions = executions.saturating_add(1);
        }
    }

    /// Returns the duration in microseconds that this share of the executions, in per mille, did
    /// not exceed: the upper bound of its bucket. `None` without executions, and if it is longer
    /// than the highest bound.
    #[must_use]
    pub fn duration_quantile_us(&self, per_mille: u64) -> Option<u64> {
        let all: u64 = self.durations.iter().fold(0, |sum, count| sum.saturating_add(*count));
        let rank = all.saturating_mul(per_mille.min(1000)).div_ceil(1000).max(1);
        let mut up_to_here = 0_u64;
        let mut buckets = DURATION_BOUNDS_US.iter().zip(self.durations);
        let bucket = buckets.find(|(_, count)| {
            up_to_here = up_to_here.saturating_add(*count);
            up_to_here >= rank
        });
        bucket.map(|(bound, _)| *bound)
    }
}

/// Executions of one install that ended in the same minute at the same endpoint with the same
/// outcome, as far as one process has counted them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionMinute {
    /// Tenant of the install.
    pub tenant: TenantId,
    /// Install that was executed.
    pub install: InstallId,
    /// Beginning of the minute, in milliseconds since 1970.
    pub minute_ms: i64,
    /// Method and path of the manifest, such as `GET /agreements/:id`; `None` if the request
    /// matches no endpoint, or failed before that was known.
    pub endpoint: Option<Arc<str>>,
    /// `2xx` to `5xx` by the extension's status, or the code of the error.
    pub outcome: &'static str,
    /// Sums of these executions.
    pub totals: ExecutionTotals,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_the_bound_of_the_bucket_that_contains_it(
            mut durations in prop::collection::vec(0_u64..40_000_000, 1..200),
            per_mille in 0_u64..=1000,
        ) {
            let mut totals = ExecutionTotals::default();
            durations.iter().for_each(|duration| totals.count_duration(*duration));
            durations.sort_unstable();
            let rank = (durations.len() as u64 * per_mille).div_ceil(1000).max(1);
            let exact = durations[usize::try_from(rank).unwrap() - 1];
            let expected = DURATION_BOUNDS_US.into_iter().find(|bound| exact <= *bound);
            prop_assert_eq!(totals.duration_quantile_us(per_mille), expected);
        }
    }

    #[test]
    fn sums_add_up_and_the_peak_is_the_highest() {
        let one = ExecutionTotals {
            executions: 1,
            memory_peak_bytes: 7,
            durations: [1; DURATION_BUCKETS],
            ..ExecutionTotals::default()
        };
        let mut sum = one;
        sum.add(&ExecutionTotals {
            memory_peak_bytes: 5,
            cpu_us: u64::MAX,
            ..one
        });
        assert_eq!((sum.executions, sum.memory_peak_bytes, sum.cpu_us), (2, 7, u64::MAX));
        assert_eq!(sum.durations, [2; DURATION_BUCKETS]);
        assert_eq!(ExecutionTotals::default().duration_quantile_us(500), None);
    }
}
