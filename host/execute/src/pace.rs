//! Extensions whose guests often compute for several slices at once: one instruction that fills
//! much memory is not interrupted by a tick.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time of one poll from which on a guest has overstayed: several slices of the engine.
const OVERSTAY: Duration = Duration::from_millis(5);
/// Most that one poll counts, in microseconds: a hypervisor can run something else for longer.
const ONE_POLL_US: u64 = 10_000;
/// Time in microseconds by which polls that overstay must exceed the others, before the extension
/// counts as one that overstays. On a virtual machine, the processor time of a poll includes the
/// time for which its processor ran something else: a few long polls among short ones are no fault
/// of the guest.
const EXCESS_US: u64 = 40_000;
/// Maximum of that time in microseconds: an extension that overstayed for long needs little more
/// time to count as one that does not.
const MOST_EXCESS_US: u64 = 2 * EXCESS_US;
/// Time for which an extension counts as one that overstays.
const MEMORY: Duration = Duration::from_mins(1);

/// Time of polls that overstay, compared with that of all others.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Microseconds by which polls that overstay exceed the others, at most [`MOST_EXCESS_US`].
    excess_us: AtomicU64,
    /// Time at which it last was [`EXCESS_US`] or more; 0 if never.
    overstayed_ms: AtomicU64,
}

/// Returns the milliseconds since the first call, plus 1.
fn now_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).map_or(u64::MAX, |ms| ms.saturating_add(1))
}

impl Pace {
    /// Notes the time of a poll.
    pub(crate) fn polled_for(&self, used: Duration) {
        let used_us = u64::try_from(used.as_micros()).unwrap_or(u64::MAX);
        let excess_us = self.excess_us.load(Ordering::Relaxed);
        // Two polls at the same moment may count as one: the next ones count again.
        if used >= OVERSTAY {
            let excess_us = (excess_us + used_us.min(ONE_POLL_US)).min(MOST_EXCESS_US);
            self.excess_us.store(excess_us, Ordering::Relaxed);
            if excess_us >= EXCESS_US {
                self.overstayed_ms.store(now_ms(), Ordering::Relaxed);
            }
        } else if excess_us > 0 {
            self.excess_us
                .store(excess_us.saturating_sub(used_us), Ordering::Relaxed);
        }
    }

    /// True if its guests have overstayed lately: those that begin now begin on threads to which
    /// all others are preferred.
    pub(crate) fn overstays(&self) -> bool {
        let last = self.overstayed_ms.load(Ordering::Relaxed);
        last > 0 && Duration::from_millis(now_ms().saturating_sub(last)) < MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(30);
    const SHORT: Duration = Duration::from_micros(500);

    #[test]
    fn an_extension_overstays_after_some_polls_of_several_slices() {
        let pace = Pace::default();
        for _ in 0..3 {
            pace.polled_for(LONG);
            assert!(!pace.overstays());
        }
        pace.polled_for(LONG);
        assert!(pace.overstays());
        pace.overstayed_ms.store(0, Ordering::Relaxed);
        assert!(!pace.overstays());
    }

    #[test]
    fn polls_of_less_than_several_slices_never_overstay() {
        let pace = Pace::default();
        for _ in 0..1_000 {
            pace.polled_for(Duration::from_micros(4_999));
        }
        assert!(!pace.overstays());
    }

    #[test]
    fn a_processor_that_is_away_for_a_tenth_of_the_time_makes_no_extension_overstay() {
        let pace = Pace::default();
        for _ in 0..1_000 {
            pace.polled_for(LONG);
            (0..9 * 60).for_each(|_| pace.polled_for(SHORT));
            assert!(!pace.overstays());
        }
    }

    #[test]
    fn an_extension_that_overstayed_for_hours_recovers_like_one_of_a_moment() {
        let pace = Pace::default();
        (0..100_000).for_each(|_| pace.polled_for(LONG));
        assert!(pace.overstays());
        (0..160).for_each(|_| pace.polled_for(SHORT));
        pace.overstayed_ms.store(0, Ordering::Relaxed);
        (0..3).for_each(|_| pace.polled_for(LONG));
        assert!(!pace.overstays());
    }

    #[test]
    fn short_polls_between_long_ones_hide_them_only_if_they_last_as_long() {
        let pace = Pace::default();
        for _ in 0..20 {
            pace.polled_for(LONG);
            (0..10).for_each(|_| pace.polled_for(SHORT));
        }
        assert!(pace.overstays());
    }
}
