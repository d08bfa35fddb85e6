//! Run slots: guests that compute at the same moment, and guests that wait for their turn.
//!
//! A guest has a slot while its future is polled: until it waits for something, or until a tick of
//! the engine at the latest. Then the slot goes to the tenant that [`Schedule`] chooses.

use crate::schedule::{Schedule, Share};
use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// The run slots of a process.
#[derive(Debug)]
pub(crate) struct RunSlots(Mutex<Schedule<Arc<Ticket>>>);

/// A guest that waits for a slot.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    is_granted: AtomicBool,
    task: AtomicWaker,
}

impl RunSlots {
    /// Creates this many slots, at least one.
    pub(crate) fn new(slots: usize) -> Self {
        Self(Mutex::new(Schedule::new(slots)))
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule<Arc<Ticket>>> {
        // The schedule changes by single calls, none of which panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, tenant: u64, used: Duration) {
        let used_ns = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        let next = self.schedule().release(tenant, used_ns);
        if let Some(ticket) = next {
            ticket.is_granted.store(true, Ordering::Release);
            ticket.task.wake();
        }
    }
}

/// The turns of one execution.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    slots: Arc<RunSlots>,
    share: Share,
    /// True while the guest waits for a slot: it could continue, as after giving way.
    is_queued: Arc<AtomicBool>,
}

/// Processor time and waiting time of one execution.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// Time in which the guest was polled.
    pub(crate) cpu: Duration,
    /// Time for which it waited for slots.
    pub(crate) queued: Duration,
}

impl Turns {
    pub(crate) fn new(slots: &Arc<RunSlots>, share: Share) -> Self {
        Self {
            slots: Arc::clone(slots),
            share,
            is_queued: Arc::default(),
        }
    }

    /// Returns the flag that is true while the guest waits for a slot.
    pub(crate) fn is_queued(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_queued)
    }

    /// Polls a future, for each poll with a slot, and adds up what it uses.
    pub(crate) async fn run<F: Future>(&self, future: F, used: &mut Used) -> F::Output {
        let mut future = pin!(future);
        let mut place = Place {
            turns: self,
            waiting: None,
        };
        poll_fn(|context| {
            used.queued += ready!(place.poll(context));
            let _running = Running {
                turns: self,
                started: Instant::now(),
                cpu: &mut used.cpu,
            };
            future.as_mut().poll(context)
        })
        .await
    }
}

/// The place of a guest in the queue for a slot.
struct Place<'a> {
    turns: &'a Turns,
    /// The ticket, and the time at which the guest began to wait.
    waiting: Option<(Arc<Ticket>, Instant)>,
}

impl Place<'_> {
    /// Returns the time waited when the guest has a slot.
    fn poll(&mut self, context: &Context<'_>) -> Poll<Duration> {
        if self.waiting.is_none() {
            let mut schedule = self.turns.slots.schedule();
            let Some(ticket) = schedule.request(self.turns.share, Arc::default).cloned() else {
                return Poll::Ready(Duration::ZERO);
            };
            drop(schedule);
            self.turns.is_queued.store(true, Ordering::Relaxed);
            self.waiting = Some((ticket, Instant::now()));
        }
        let Some((ticket, since)) = &self.waiting else {
            return Poll::Pending;
        };
        ticket.task.register(context.waker());
        // After registering, so that a slot that is given meanwhile is noticed.
        if !ticket.is_granted.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let waited = since.elapsed();
        self.waiting = None;
        self.turns.is_queued.store(false, Ordering::Relaxed);
        Poll::Ready(waited)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some((ticket, _)) = self.waiting.take() else {
            return;
        };
        let Turns { slots, share, .. } = self.turns;
        let is_waiting = slots
            .schedule()
            .withdraw(share.tenant, |other| Arc::ptr_eq(other, &ticket));
        // Otherwise it was given a slot that it does not use any more.
        if !is_waiting {
            slots.release(share.tenant, Duration::ZERO);
        }
    }
}

/// A guest that has a slot, until it is dropped.
struct Running<'a> {
    turns: &'a Turns,
    started: Instant,
    cpu: &'a mut Duration,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let used = self.started.elapsed();
        *self.cpu += used;
        self.turns.slots.release(self.turns.share.tenant, used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::Pin;
    use std::sync::atomic::AtomicUsize;
    use std::task::Waker;
    use tokio::task::yield_now;

    fn turns(slots: &Arc<RunSlots>, tenant: u64) -> Turns {
        Turns::new(slots, Share { tenant, weight: 1 })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_more_guests_run_at_once_than_there_are_slots() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let slots = Arc::new(RunSlots::new(2));
        let guests: Vec<_> = (0..50)
            .map(|number| {
                let turns = turns(&slots, number % 5);
                tokio::spawn(async move {
                    let guest = async {
                        for _ in 0..20 {
                            MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            std::hint::black_box((0..1_000).sum::<u64>());
                            NOW.fetch_sub(1, Ordering::SeqCst);
                            yield_now().await;
                        }
                    };
                    turns.run(guest, &mut Used::default()).await;
                })
            })
            .collect();
        for guest in guests {
            guest.await.unwrap();
        }
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_guest_that_is_cancelled_while_it_waits_leaves_no_slot_unused() {
        type Guest<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
        let slots = Arc::new(RunSlots::new(1));
        let [one, two, three] = [1, 2, 3].map(|tenant| turns(&slots, tenant));
        let mut context = Context::from_waker(Waker::noop());
        let mut used = [const {
            Used {
                cpu: Duration::ZERO,
                queued: Duration::ZERO,
            }
        }; 3];
        let [of_one, of_two, of_three] = &mut used;
        // The only slot is in use while the others ask for it.
        let nested = async {
            let mut second: Guest<'_> = Box::pin(two.run(pending(), of_two));
            let mut third: Guest<'_> = Box::pin(three.run(async {}, of_three));
            poll_fn(|context| {
                assert!(second.as_mut().poll(context).is_pending());
                assert!(third.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            assert!(two.is_queued().load(Ordering::Relaxed));
            (second, third)
        };
        let Poll::Ready((second, mut third)) = pin!(one.run(nested, of_one)).poll(&mut context) else {
            panic!("it has a slot");
        };
        // The slot was given to the second, which is dropped before it is polled.
        drop(second);
        assert!(third.as_mut().poll(&mut context).is_ready());
        drop(third);
        assert!(of_three.queued > Duration::ZERO);
    }
}
