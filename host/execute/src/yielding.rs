//! Distinguishes a guest that gives way from one that waits. Both leave its future pending, but a
//! guest that gives way at a tick of the engine's epoch has asked to be polled again at once.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Notices whether a future asks to be polled again while it is polled.
#[derive(Default)]
pub(crate) struct YieldDetector(Arc<Signal>);

#[derive(Default)]
struct Signal {
    is_woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl YieldDetector {
    /// Polls a future; also returns whether it asks to be polled again already.
    pub(crate) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> (Poll<T>, bool) {
        self.0.task.register(context.waker());
        self.0.is_woken.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.0));
        let polled = poll(&mut Context::from_waker(&waker));
        (polled, self.0.is_woken.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Future, pending};
    use std::pin::pin;

    #[test]
    fn a_future_that_gives_way_is_not_one_that_waits() {
        let detector = YieldDetector::default();
        let mut context = Context::from_waker(Waker::noop());
        let (polled, is_yielding) = detector.poll(&mut context, |context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(polled.is_pending() && is_yielding);
        let mut waiting = pin!(pending::<()>());
        let (polled, is_yielding) = detector.poll(&mut context, |context| waiting.as_mut().poll(context));
        assert!(polled.is_pending() && !is_yielding);
    }
}
