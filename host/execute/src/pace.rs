//! Extensions whose guests compute for several slices at once: one instruction that fills much
//! memory is not interrupted by a tick.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time of one poll from which on a guest has overstayed: several slices of the engine.
const OVERSTAY: Duration = Duration::from_millis(5);
/// Time for which an extension counts as one that overstays.
const MEMORY: Duration = Duration::from_mins(1);

/// Time at which a guest of an extension last overstayed.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicU64);

/// Returns the milliseconds since the first call, plus 1.
fn now_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).map_or(u64::MAX, |ms| ms.saturating_add(1))
}

impl Pace {
    /// Notes the time of a poll.
    pub(crate) fn polled_for(&self, used: Duration) {
        if used >= OVERSTAY {
            self.0.store(now_ms(), Ordering::Relaxed);
        }
    }

    /// True if a guest has overstayed lately: those that begin now begin on threads to which all
    /// others are preferred.
    pub(crate) fn overstays(&self) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        last > 0 && Duration::from_millis(now_ms().saturating_sub(last)) < MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_overstays_after_one_poll_of_several_slices() {
        let pace = Pace::default();
        assert!(!pace.overstays());
        pace.polled_for(Duration::from_micros(4_999));
        assert!(!pace.overstays());
        pace.polled_for(OVERSTAY);
        assert!(pace.overstays());
        pace.0.store(0, Ordering::Relaxed);
        assert!(!pace.overstays());
    }
}
