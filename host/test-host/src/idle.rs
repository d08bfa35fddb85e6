//! Lets time pass when an execution waits for it.

use crate::time::ScriptedTime;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Turns of the runtime in which nothing wakes an execution before it counts as one that waits for
/// time: its own tasks need a few.
const QUIET_TURNS: u32 = 64;

/// Reports that an execution was woken.
struct Woken {
    is_woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*task {
            task.wake_by_ref();
        }
    }
}

/// Runs a future to its end. All else that it needs runs on the same thread, so that it waits for
/// time if nothing wakes it.
pub(crate) async fn run<F: Future>(future: F, time: &ScriptedTime) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken {
        is_woken: AtomicBool::new(true),
        task: Mutex::new(None),
    });
    let waker = Waker::from(Arc::clone(&woken));
    let mut quiet = 0;
    poll_fn(|context| {
        time.wake_on_sleep(context.waker());
        *woken.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if woken.is_woken.swap(false, Ordering::AcqRel) {
            quiet = 0;
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
        } else {
            quiet += 1;
            if quiet > QUIET_TURNS {
                quiet = 0;
                if !time.advance_to_next() {
                    // It waits for something that is not scripted, such as its compilation.
                    return Poll::Pending;
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_capabilities::TimeSource;
    use std::time::{Duration, SystemTime};

    #[tokio::test]
    async fn an_hour_of_sleep_passes_at_once_and_in_order() {
        let time = ScriptedTime::new(SystemTime::UNIX_EPOCH);
        let (early, late) = (time.sleep(Duration::from_secs(1)), time.sleep(Duration::from_hours(1)));
        let elapsed = run(
            async {
                early.await;
                let first = time.elapsed();
                late.await;
                (first, time.elapsed())
            },
            &time,
        );
        assert_eq!(elapsed.await, (Duration::from_secs(1), Duration::from_hours(1)));
    }

    #[tokio::test]
    async fn a_sleep_of_another_task_ends_although_the_future_waits_for_something_else() {
        let time = ScriptedTime::new(SystemTime::UNIX_EPOCH);
        let of_task = time.clone();
        let task = async move {
            // Longer than the turns after which the future counts as idle.
            for _ in 0..10 * QUIET_TURNS {
                tokio::task::yield_now().await;
            }
            of_task.sleep(Duration::from_secs(1)).await;
        };
        let task = tokio::spawn(task);
        run(async { task.await.unwrap() }, &time).await;
        assert_eq!(time.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_task_that_makes_progress_is_not_overtaken_by_time() {
        let time = ScriptedTime::new(SystemTime::UNIX_EPOCH);
        let (sleep, work) = (
            time.sleep(Duration::from_secs(1)),
            tokio::spawn(tokio::task::yield_now()),
        );
        let first = run(
            async {
                tokio::select! { biased; () = sleep => "sleep", done = work => { done.unwrap(); "work" } }
            },
            &time,
        );
        assert_eq!((first.await, time.elapsed()), ("work", Duration::ZERO));
    }
}
