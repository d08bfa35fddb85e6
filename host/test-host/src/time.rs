//! The time that an extension observes: it passes only while the extension waits, and when a test
//! lets it pass.

use alga_capabilities::{BoxFuture, TimeSource};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// Sleeps of one host at the same moment; further ones end at once. An execution has fewer handles.
const SLEEPS: usize = 10_000;

/// The time of one host.
#[derive(Clone)]
pub(crate) struct ScriptedTime {
    start: SystemTime,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    elapsed: Duration,
    /// Sleeps by their end, in the order of their beginning.
    sleeps: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    number: u64,
    /// The task that lets time pass, which a new sleep wakes.
    idle: Option<Waker>,
}

impl ScriptedTime {
    pub(crate) fn new(start: SystemTime) -> Self {
        Self {
            start,
            inner: Arc::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes this task when something begins to sleep.
    pub(crate) fn wake_on_sleep(&self, task: &Waker) {
        let mut inner = self.inner();
        if inner.idle.as_ref().is_none_or(|idle| !idle.will_wake(task)) {
            inner.idle = Some(task.clone());
        }
    }

    /// Lets time pass, and ends the sleeps that are over.
    pub(crate) fn advance(&self, duration: Duration) {
        let mut inner = self.inner();
        inner.elapsed = inner.elapsed.saturating_add(duration);
        inner.wake();
    }

    /// Lets time pass until the next sleep is over. Returns false if nothing sleeps.
    pub(crate) fn advance_to_next(&self) -> bool {
        let mut inner = self.inner();
        // Those of executions that have ended are no reason for time to pass.
        inner.sleeps.retain(|_, sleep| !sleep.is_closed());
        let Some((until, _)) = inner.sleeps.keys().next().copied() else {
            return false;
        };
        inner.elapsed = inner.elapsed.max(until);
        inner.wake();
        true
    }
}

impl Inner {
    fn wake(&mut self) {
        while let Some(entry) = self.sleeps.first_entry() {
            if entry.key().0 > self.elapsed {
                return;
            }
            entry.remove().send(()).ok();
        }
    }
}

impl TimeSource for ScriptedTime {
    fn now(&self) -> SystemTime {
        let elapsed = self.inner().elapsed;
        self.start.checked_add(elapsed).unwrap_or(self.start)
    }

    fn elapsed(&self) -> Duration {
        self.inner().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (end, ended) = oneshot::channel();
        let mut inner = self.inner();
        if !duration.is_zero() && inner.sleeps.len() < SLEEPS {
            inner.number += 1;
            let key = (inner.elapsed.saturating_add(duration), inner.number);
            inner.sleeps.insert(key, end);
            if let Some(idle) = &inner.idle {
                idle.wake_by_ref();
            }
        }
        Box::pin(async move {
            ended.await.ok();
        })
    }
}
