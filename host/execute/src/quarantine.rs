//! Extensions that were executing when a runner crashed. Of several suspects, one runs at a time,
//! so that the next crash shows which one causes it; after three crashes, it is quarantined for a
//! while.

use alga_bundle::{Crashes, Digest};
use alga_errors::{Code, Problem};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// Crashes and quarantines that this runner knows.
pub struct Quarantine {
    known: RwLock<HashMap<Digest, Crashes>>,
    /// True if nothing is known, as usual.
    is_empty: AtomicBool,
    turn: Arc<SuspectTurn>,
}

/// The turn of suspects: the guest of one of them is polled at a time.
#[derive(Debug, Default)]
pub(crate) struct SuspectTurn(AtomicBool);

/// A suspect whose guest is polled.
#[derive(Debug)]
pub(crate) struct Alone<'a>(&'a SuspectTurn);

impl SuspectTurn {
    /// Returns the turn, unless another suspect has it.
    pub(crate) fn try_enter(&self) -> Option<Alone<'_>> {
        let is_free = !self.0.swap(true, Ordering::Acquire);
        // Only then: a value that is dropped would end the turn of the other one.
        is_free.then(|| Alone(self))
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

impl Default for Quarantine {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            is_empty: AtomicBool::new(true),
            turn: Arc::default(),
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Quarantine {
    /// Applies what has changed, and deletes what is over.
    pub fn apply(&self, changed: impl IntoIterator<Item = Crashes>) {
        let now = now_ms();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(changed.into_iter().map(|crashes| (crashes.content_hash, crashes)));
        known.retain(|_, crashes| crashes.is_suspect(now));
        self.is_empty.store(known.is_empty(), Ordering::Release);
    }

    /// Refuses an extension that is quarantined. The result is the turn of suspects, if it is one.
    pub(crate) fn check(&self, content_hash: &Digest) -> Result<Option<Arc<SuspectTurn>>, Problem> {
        let Some(crashes) = self.find(content_hash) else {
            return Ok(None);
        };
        let now = now_ms();
        if let Some(left_ms) = crashes.quarantined_for_ms(now) {
            return Err(quarantined(&crashes, left_ms));
        }
        Ok(crashes.is_suspect(now).then(|| Arc::clone(&self.turn)))
    }

    fn find(&self, content_hash: &Digest) -> Option<Crashes> {
        if self.is_empty.load(Ordering::Acquire) {
            return None;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(content_hash).copied()
    }
}

fn quarantined(crashes: &Crashes, left_ms: i64) -> Problem {
    let seconds = u32::try_from(left_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX);
    let count = crashes.crashes;
    let message = format!("the extension is quarantined: runners crashed {count} times while they executed it");
    Problem::new(Code::Quarantined, message)
        .retry_after_seconds(seconds)
        .with_hint(format!(
            "an operator lifts it: `alga quarantine lift {}`",
            crashes.content_hash
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_have_one_turn_and_quarantined_ones_none() {
        let quarantine = Quarantine::default();
        let [one, two, other] = [b"1", b"2", b"3"].map(|bytes| Digest::of(bytes));
        assert!(quarantine.check(&one).unwrap().is_none());
        let now = now_ms();
        quarantine.apply([one, two].map(|hash| Crashes::none(hash).after_crash(now, false)));
        let [first, second] = [one, two].map(|hash| quarantine.check(&hash).unwrap().unwrap());
        let alone = first.try_enter();
        assert!(alone.is_some());
        for _ in 0..2 {
            assert!(second.try_enter().is_none(), "an attempt does not end the turn");
        }
        drop(alone);
        assert!(second.try_enter().is_some());
        assert!(quarantine.check(&other).unwrap().is_none());
        let third = (0..3).fold(Crashes::none(two), |crashes, _| crashes.after_crash(now, true));
        quarantine.apply([third]);
        let refused = quarantine.check(&two).unwrap_err();
        assert_eq!(refused.code(), Code::Quarantined);
        assert!(
            refused
                .retry_after()
                .is_some_and(|seconds| (50..=60).contains(&seconds))
        );
        quarantine.apply([one, two].map(Crashes::none));
        assert!(quarantine.check(&two).unwrap().is_none());
        assert!(quarantine.is_empty.load(Ordering::Relaxed));
    }
}
