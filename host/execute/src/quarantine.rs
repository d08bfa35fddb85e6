//! Extensions that were executing when a runner crashed. Suspects execute one at a time, so that
//! the next crash shows which one causes it; after three crashes, it is quarantined for a while.

use alga_bundle::{Crashes, Digest};
use alga_errors::{Code, Problem};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

/// Crashes and quarantines that this runner knows.
pub struct Quarantine {
    known: RwLock<HashMap<Digest, Crashes>>,
    /// True if nothing is known, as usual.
    is_empty: AtomicBool,
    turn: Arc<Semaphore>,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            is_empty: AtomicBool::new(true),
            turn: Arc::new(Semaphore::new(1)),
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

    /// Refuses an extension that is quarantined; one that is a suspect waits until no other suspect
    /// executes, and holds the result while it does.
    pub(crate) async fn admit(
        &self,
        content_hash: &Digest,
        deadline: Instant,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let Some(crashes) = self.find(content_hash) else {
            return Ok(None);
        };
        let now = now_ms();
        if let Some(left_ms) = crashes.quarantined_for_ms(now) {
            return Err(quarantined(&crashes, left_ms));
        }
        if !crashes.is_suspect(now) {
            return Ok(None);
        }
        let turn = Arc::clone(&self.turn).acquire_owned();
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the extension may have crashed the runner, and waited for others of which the same is true",
            )
        };
        let turn = timeout_at(deadline.into(), turn).await.map_err(too_late)?;
        turn.map(Some).map_err(Problem::internal)
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
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[tokio::test]
    async fn suspects_execute_one_at_a_time_and_quarantined_ones_not_at_all() {
        let quarantine = Quarantine::default();
        let [one, two, other] = [b"1", b"2", b"3"].map(|bytes| Digest::of(bytes));
        assert!(quarantine.admit(&one, soon()).await.unwrap().is_none());
        let now = now_ms();
        quarantine.apply([one, two].map(|hash| Crashes::none(hash).after_crash(now)));
        let turn = quarantine.admit(&one, soon()).await.unwrap();
        assert!(turn.is_some());
        assert!(quarantine.admit(&other, soon()).await.unwrap().is_none());
        let late = quarantine.admit(&two, soon()).await.unwrap_err();
        assert_eq!(late.code(), Code::DeadlineExceeded);
        drop(turn);
        assert!(quarantine.admit(&two, soon()).await.unwrap().is_some());
        let third = (0..3).fold(Crashes::none(two), |crashes, _| crashes.after_crash(now));
        quarantine.apply([third]);
        let refused = quarantine.admit(&two, soon()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Quarantined);
        assert!(
            refused
                .retry_after()
                .is_some_and(|seconds| (50..=60).contains(&seconds))
        );
        quarantine.apply([one, two].map(Crashes::none));
        assert!(quarantine.admit(&two, soon()).await.unwrap().is_none());
        assert!(quarantine.is_empty.load(Ordering::Relaxed));
    }
}
