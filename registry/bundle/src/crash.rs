//! Crashes of runners, and the quarantine of extensions that cause them.

use crate::Digest;

/// Crashes after which an extension is quarantined.
const CRASHES: u32 = 3;
/// Time in milliseconds after which earlier crashes do not count any more.
const MEMORY_MS: i64 = 60 * 60 * 1000;
const MINUTE_MS: i64 = 60 * 1000;
/// Length of an extension's first quarantine, its second and so on, in milliseconds. After each,
/// one more crash begins the next.
const QUARANTINES_MS: [i64; 5] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    3 * 60 * MINUTE_MS,
    24 * 60 * MINUTE_MS,
];

/// Crashes of runners while they executed an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crashes {
    /// Content hash of the extension.
    pub content_hash: Digest,
    /// Number of crashes within an hour of each other of which it was certainly the cause, or 1 if
    /// it may have been.
    pub crashes: u32,
    /// Time of the last one, in milliseconds since 1970.
    pub last_at_ms: i64,
    /// Number of quarantines.
    pub quarantines: u32,
    /// End of the last quarantine, in milliseconds since 1970; 0 before the first.
    pub quarantined_until_ms: i64,
}

impl Crashes {
    /// Returns the state of an extension that has caused no crash, or whose quarantine was lifted.
    #[must_use]
    pub fn none(content_hash: Digest) -> Self {
        Self {
            content_hash,
            crashes: 0,
            last_at_ms: 0,
            quarantines: 0,
            quarantined_until_ms: 0,
        }
    }

    /// Returns the state after another crash. If other extensions were executing, too, it is not
    /// certain that this one is the cause: it stays a suspect, and is not a step nearer to its
    /// quarantine. Otherwise an extension could have others quarantined.
    #[must_use]
    pub fn after_crash(self, now_ms: i64, is_certain: bool) -> Self {
        let before = if self.is_suspect(now_ms) { self.crashes } else { 0 };
        let crashes = before.saturating_add(u32::from(is_certain)).max(1);
        let next = Self {
            crashes,
            last_at_ms: now_ms,
            ..self
        };
        if crashes < CRASHES || !is_certain {
            return next;
        }
        let place = usize::try_from(self.quarantines).unwrap_or(usize::MAX);
        let longest = QUARANTINES_MS.last().copied().unwrap_or_default();
        let length = QUARANTINES_MS.get(place).copied().unwrap_or(longest);
        Self {
            quarantines: self.quarantines.saturating_add(1),
            quarantined_until_ms: now_ms.saturating_add(length),
            ..next
        }
    }

    /// True if the extension may have caused a crash lately: it executes alone among those.
    #[must_use]
    pub fn is_suspect(&self, now_ms: i64) -> bool {
        let since = self.last_at_ms.max(self.quarantined_until_ms);
        self.crashes > 0 && now_ms.saturating_sub(since) <= MEMORY_MS
    }

    /// Returns the time in milliseconds until the quarantine ends, if there is one.
    #[must_use]
    pub fn quarantined_for_ms(&self, now_ms: i64) -> Option<i64> {
        // Not longer than the longest, although a clock was set back.
        let longest = QUARANTINES_MS.last().copied().unwrap_or_default();
        let left = self.quarantined_until_ms.saturating_sub(now_ms).min(longest);
        (left > 0).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest::of(&[number])
    }

    #[test]
    fn three_crashes_within_an_hour_are_a_quarantine_and_each_is_longer() {
        let mut crashes = Crashes::none(digest(1));
        assert!(!crashes.is_suspect(0));
        for now in [0, MEMORY_MS] {
            crashes = crashes.after_crash(now, true);
            assert!(crashes.is_suspect(now) && crashes.quarantined_for_ms(now).is_none());
        }
        let mut now = 2 * MEMORY_MS;
        for minutes in [1, 5, 30, 180, 1440, 1440] {
            crashes = crashes.after_crash(now, true);
            assert_eq!(crashes.quarantined_for_ms(now), Some(minutes * MINUTE_MS));
            assert_eq!(crashes.quarantined_for_ms(i64::MIN), Some(1440 * MINUTE_MS));
            now = crashes.quarantined_until_ms;
            assert!(crashes.quarantined_for_ms(now).is_none() && crashes.is_suspect(now));
            now += MEMORY_MS;
        }
        // An hour without a crash, and it begins again; the next quarantine is as long as before.
        now += 1;
        assert!(!crashes.is_suspect(now));
        assert_eq!(crashes.after_crash(now, true).crashes, 1);
    }

    #[test]
    fn an_extension_that_may_be_the_cause_is_a_suspect_and_never_quarantined_for_it() {
        let mut crashes = Crashes::none(digest(1));
        for now in 0..100 {
            crashes = crashes.after_crash(now, false);
            assert!(crashes.is_suspect(now) && crashes.crashes == 1);
        }
        let crashes = crashes.after_crash(100, true).after_crash(100, true);
        assert!(crashes.quarantined_for_ms(100).is_some());
    }
}
