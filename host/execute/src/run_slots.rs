//! Run slots: guests that compute at the same moment, and guests that wait for their turn.
//!
//! A guest has a slot while its future is polled: until it waits for something, or until a tick of
//! the engine at the latest. Then the slot goes to the tenant that [`Schedule`] chooses. A guest
//! that could continue is in the queue by then, also if the host is too busy to poll it again soon.

use crate::pace::Pace;
use crate::quarantine::SuspectTurn;
use crate::schedule::{Schedule, Share};
use crate::slices::{Slice, clock_ns};
use crate::weights::LiveShare;
use alga_engine::{
    JournalEntry, counts_processor_time, monotonic_time, processor_time, start_execution_clock, thread_time,
};
use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

/// Time from which on a guest counts as one that computes: half a tick of the engine.
const MOST_OF_A_SLICE: Duration = Duration::from_micros(500);

/// Processor time from which on a guest counts as one that computes although each of its polls is
/// short: two ticks of the engine.
const SHORT_EXECUTION: Duration = Duration::from_millis(2);

/// Time of a turn up to which its processor time is not read again: the time that passed is little
/// more, and reading it costs as much as the rest of a turn.
const SHORT_TURN: Duration = Duration::from_micros(100);

/// Polls of one turn: a guest that could continue does so at once, unless it has used up most of a
/// slice. More would starve tasks of this thread that it waits for.
const POLLS_OF_A_TURN: usize = 4;

/// The run slots of a process.
#[derive(Debug)]
pub(crate) struct RunSlots {
    schedule: Mutex<Schedule<Arc<Ticket>>>,
    /// True if guests that compute are on threads to which all others are preferred.
    has_guest_threads: bool,
    slots: usize,
}

impl RunSlots {
    /// Creates this many slots, at least one.
    pub(crate) fn new(slots: usize, has_guest_threads: bool) -> Self {
        Self {
            schedule: Mutex::new(Schedule::new(slots)),
            has_guest_threads,
            slots: slots.max(1),
        }
    }

    /// Returns the number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the number of slots, and of those in use.
    pub(crate) fn used(&self) -> [usize; 2] {
        [self.slots, self.schedule().running()]
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule<Arc<Ticket>>> {
        // The schedule changes by single calls, none of which panics.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, tenant: u64, used: Duration, at_ns: u64) {
        let mut schedule = self.schedule();
        let next = schedule.release(tenant, nanoseconds(used), at_ns);
        let beside = schedule.next();
        drop(schedule);
        grant(next);
        grant(beside);
    }

    fn give_way(&self, share: Share, used: Duration, at_ns: u64, ticket: &Arc<Ticket>) {
        // One that computes is about to be moved.
        let is_preferred = self.is_preferred() && !ticket.computes();
        let ticket = Arc::clone(ticket);
        let mut schedule = self.schedule();
        let next = schedule.give_way(share, nanoseconds(used), is_preferred, at_ns, ticket);
        let beside = schedule.next();
        drop(schedule);
        grant(next);
        grant(beside);
    }

    /// True if the operating system prefers the calling thread to those of guests.
    fn is_preferred(&self) -> bool {
        self.has_guest_threads && !counts_processor_time()
    }
}

fn nanoseconds(used: Duration) -> u64 {
    u64::try_from(used.as_nanos()).unwrap_or(u64::MAX)
}

fn grant(next: Option<Arc<Ticket>>) {
    if let Some(ticket) = next {
        ticket.is_granted.store(true, Ordering::Release);
        ticket.task.wake();
    }
}

/// Bit of a ticket whose guest waits for a slot: it could continue, as after giving way.
const QUEUED: u8 = 1;
/// Bit of a ticket whose guest is polled.
const POLLED: u8 = 2;
/// Bit of a ticket whose guest was woken since its last poll began.
const WOKEN: u8 = 4;

/// An execution as its runtime and the schedule know it: what it waits for.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    task: AtomicWaker,
    is_granted: AtomicBool,
    /// Of [`QUEUED`], [`POLLED`] and [`WOKEN`]: none of them if the guest waits for something else
    /// than a slot. One number, so that a reader on another thread sees a state that there was.
    state: AtomicU8,
    /// True if the guest has used up most of a slice at once, or is not short altogether.
    computes: AtomicBool,
    /// The task that receives the response, on another thread.
    reader: AtomicWaker,
}

impl Ticket {
    /// True while the guest waits for a slot.
    pub(crate) fn is_queued(&self) -> bool {
        self.state.load(Ordering::SeqCst) & QUEUED != 0
    }

    /// True if the guest has used up most of a slice at once, or is not short altogether: it may
    /// use as much again.
    pub(crate) fn computes(&self) -> bool {
        self.computes.load(Ordering::Relaxed)
    }

    /// True if the guest waits for something else than a slot; otherwise the reader is woken when
    /// it does.
    pub(crate) fn poll_waiting(&self, reader: &Context<'_>) -> bool {
        self.reader.register(reader.waker());
        self.state.load(Ordering::SeqCst) == 0
    }

    /// Polls the guest. Also returns whether it could continue at once: it gave way at a tick, or
    /// what it waits for is there already. Then its task is not woken: it has to queue for a slot.
    fn poll<T>(self: &Arc<Self>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> (Poll<T>, bool) {
        // What woke the guest before is there when it is polled.
        self.state.store(POLLED, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(self));
        let polled = poll(&mut Context::from_waker(&waker));
        // A wake from now on wakes its task.
        let state = self.state.fetch_and(!POLLED, Ordering::SeqCst);
        (polled, state & WOKEN != 0)
    }

    fn wait_for_slot(&self) {
        self.state.fetch_or(QUEUED, Ordering::SeqCst);
    }
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let state = self.state.fetch_or(WOKEN, Ordering::SeqCst);
        if state & POLLED == 0 {
            self.task.wake();
        }
    }
}

/// The turns of one execution.
#[derive(Debug)]
pub(crate) struct Turns {
    slots: Arc<RunSlots>,
    share: LiveShare,
    ticket: Arc<Ticket>,
    guest: Guest,
}

/// The extension of an execution, as its polls concern it.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    pub(crate) pace: Arc<Pace>,
    /// Place where polls are marked, so that a crash of the process shows what was polled.
    pub(crate) journal_entry: Option<Arc<JournalEntry>>,
    /// The turn of suspects, if the extension is one.
    pub(crate) suspects: Option<Arc<SuspectTurn>>,
}

/// Processor time and waiting time of one execution.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// Processor time in which the guest was polled.
    pub(crate) cpu: Duration,
    /// The same on the clock of the execution, on which the guest's own time is measured. It is
    /// longer if the thread waited for a processor.
    pub(crate) polled: Duration,
    /// Time for which it waited for slots.
    pub(crate) queued: Duration,
}

impl Turns {
    pub(crate) fn new(slots: &Arc<RunSlots>, share: impl Into<LiveShare>) -> Self {
        Self::of_guest(slots, share, Guest::default())
    }

    /// Returns the turns of an execution of this extension.
    pub(crate) fn of_guest(slots: &Arc<RunSlots>, share: impl Into<LiveShare>, guest: Guest) -> Self {
        Self {
            slots: Arc::clone(slots),
            share: share.into(),
            ticket: Arc::default(),
            guest,
        }
    }

    /// Returns the execution's ticket, which shows whether it waits for a slot.
    pub(crate) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.ticket)
    }

    /// Polls a future, for each poll with a slot, and adds up what it uses.
    pub(crate) async fn run<F: Future>(&self, future: F, used: &mut Used) -> F::Output {
        let mut future = pin!(future);
        let mut place = Place {
            turns: self,
            since: None,
        };
        poll_fn(|context| {
            self.ticket.task.register(context.waker());
            let now = monotonic_time();
            used.queued += ready!(place.poll(clock_ns(now)));
            let started = start_execution_clock(used.polled, now);
            let mut running = Running {
                place: &mut place,
                started,
                started_cpu: if counts_processor_time() {
                    started
                } else {
                    processor_time()
                },
                used,
                gives_way: false,
                _slice: Slice::begin(clock_ns(now)),
            };
            let turn = self.guest.suspects.as_ref().map(|suspects| suspects.try_enter());
            if turn.as_ref().is_some_and(Option::is_none) {
                // It returns its slot, and waits for another one.
                running.gives_way = true;
                return Poll::Pending;
            }
            let _mark = self.guest.journal_entry.as_ref().map(|entry| entry.mark());
            for _ in 0..POLLS_OF_A_TURN {
                let (polled, could_continue) = self.ticket.poll(|context| future.as_mut().poll(context));
                running.gives_way = polled.is_pending() && could_continue;
                // The clock of the processor costs more.
                if !running.gives_way || running.polled() >= MOST_OF_A_SLICE {
                    return polled;
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The place of a guest in the queue for a slot.
struct Place<'a> {
    turns: &'a Turns,
    /// Time at which the guest began to wait, if it does.
    since: Option<Instant>,
}

impl Place<'_> {
    /// Returns the time waited when the guest has a slot.
    fn poll(&mut self, now_ns: u64) -> Poll<Duration> {
        let Turns {
            slots, share, ticket, ..
        } = self.turns;
        let Some(since) = self.since else {
            let is_preferred = slots.is_preferred() && !ticket.computes();
            let mut schedule = slots.schedule();
            ticket.is_granted.store(false, Ordering::Relaxed);
            if schedule.request(share.now(), is_preferred, now_ns, || Arc::clone(ticket)) {
                return Poll::Ready(Duration::ZERO);
            }
            drop(schedule);
            self.wait();
            return Poll::Pending;
        };
        if !ticket.is_granted.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        self.since = None;
        Poll::Ready(since.elapsed())
    }

    fn wait(&mut self) {
        self.since = Some(Instant::now());
        self.turns.ticket.wait_for_slot();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.since.is_none() {
            return;
        }
        let Turns {
            slots, share, ticket, ..
        } = self.turns;
        let is_waiting = slots
            .schedule()
            .withdraw(share.tenant, |other| Arc::ptr_eq(other, ticket));
        // Otherwise it was given a slot that it does not use any more.
        if !is_waiting {
            slots.release(share.tenant, Duration::ZERO, clock_ns(monotonic_time()));
        }
    }
}

/// A guest that has a slot, until it is dropped.
struct Running<'a, 'b> {
    place: &'a mut Place<'b>,
    /// On the clock of [`thread_time`].
    started: Duration,
    /// Processor time of the thread when the turn began: a guest that waits for the processor does
    /// not compute.
    started_cpu: Duration,
    used: &'a mut Used,
    /// True if the guest could continue: it queues for its next slot before it returns this one.
    gives_way: bool,
    _slice: Slice,
}

impl Running<'_, '_> {
    fn polled(&self) -> Duration {
        thread_time().saturating_sub(self.started)
    }
}

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        let polled = self.polled();
        let counts_processor_time = counts_processor_time();
        let used = match polled < SHORT_TURN || counts_processor_time {
            true => polled,
            false => processor_time().saturating_sub(self.started_cpu),
        };
        let at_ns = clock_ns(match counts_processor_time {
            true => monotonic_time(),
            false => self.started + polled,
        });
        self.used.cpu += used;
        self.used.polled += polled;
        let Turns {
            slots,
            share,
            ticket,
            guest,
        } = self.place.turns;
        guest.pace.polled_for(used);
        if used >= MOST_OF_A_SLICE || self.used.cpu >= SHORT_EXECUTION {
            ticket.computes.store(true, Ordering::Relaxed);
        }
        if self.gives_way {
            ticket.is_granted.store(false, Ordering::Relaxed);
            self.place.wait();
            slots.give_way(share.now(), used, at_ns, ticket);
        } else {
            slots.release(share.tenant, used, at_ns);
            ticket.reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::Pin;
    use std::sync::atomic::AtomicUsize;
    use tokio::task::yield_now;

    fn turns(slots: &Arc<RunSlots>, tenant: u64) -> Turns {
        Turns::new(slots, Share { tenant, weight: 1 })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_more_guests_run_at_once_than_there_are_slots() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let slots = Arc::new(RunSlots::new(2, false));
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
        let most = MOST.load(Ordering::SeqCst);
        // On a busy host, one may have ended before the next began.
        assert!(matches!(most, 1 | 2), "{most}");
    }

    #[tokio::test]
    async fn a_guest_that_computes_in_short_bursts_counts_as_one_that_computes() {
        let slots = Arc::new(RunSlots::new(1, false));
        let turns = turns(&slots, 1);
        let (ticket, mut used) = (turns.ticket(), Used::default());
        let bursts = async {
            while !ticket.computes() {
                std::hint::black_box((0..1_000).sum::<u64>());
                yield_now().await;
            }
        };
        turns.run(bursts, &mut used).await;
        assert!(
            used.cpu >= MOST_OF_A_SLICE && used.cpu < 100 * SHORT_EXECUTION,
            "{used:?}"
        );
    }

    #[test]
    fn a_guest_that_is_cancelled_while_it_waits_leaves_no_slot_unused() {
        type Guest<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
        let slots = Arc::new(RunSlots::new(1, false));
        let [one, two, three] = [1, 2, 3].map(|tenant| turns(&slots, tenant));
        let mut context = Context::from_waker(Waker::noop());
        let mut used = [const {
            Used {
                cpu: Duration::ZERO,
                polled: Duration::ZERO,
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
            assert!(two.ticket().is_queued());
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
