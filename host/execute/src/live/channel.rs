use super::LiveEvent;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Maximum number of events of a tenant that are retained.
const EVENTS: usize = 4_000;
/// Maximum bytes of a tenant's events.
const BYTES: usize = 1024 * 1024;
/// Maximum number of events that a reader gets at once.
const BATCH: usize = 64;

/// The place of an event in the stream of its tenant, which a reader sends to continue after it:
/// the number of the channel, and the number of the event in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    channel: u64,
    event: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}-{}", self.channel, self.event)
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (channel, event) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            channel: u64::from_str_radix(channel, 16)?,
            event: event.parse()?,
        })
    }
}

/// The last events of one tenant. Readers look them up by number: a slow reader misses events, and
/// costs nothing else.
pub(super) struct Channel {
    ring: Mutex<Ring>,
    news: Notify,
    id: u64,
    /// Events that readers of all channels missed.
    missed: Arc<AtomicU64>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<LiveEvent>>,
    bytes: usize,
    /// Number of the first event in `events`.
    first: u64,
    readers: usize,
    /// The time at which the last reader left.
    left: Option<Instant>,
    /// True while a task waits for the channel to be idle: one is enough.
    is_ending: bool,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            ring: Mutex::default(),
            news: Notify::new(),
            // Numbers of another process, or of an earlier channel, are not those of this one.
            id: fastrand::u64(..),
            missed: Arc::default(),
        }
    }
}

impl Channel {
    /// Returns a channel that adds the events which its readers miss to this number.
    pub(super) fn counting(missed: &Arc<AtomicU64>) -> Self {
        Self {
            missed: Arc::clone(missed),
            ..Self::default()
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // No step under this lock panics.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a reader; returns false if there are too many.
    pub(super) fn enter(&self, most: usize) -> bool {
        let mut ring = self.ring();
        let is_free = ring.readers < most;
        ring.readers += usize::from(is_free);
        is_free
    }

    pub(super) fn readers(&self) -> usize {
        self.ring().readers
    }

    /// Returns whether the channel may end: there has been no reader for so long. `None` if readers
    /// are there; then no task waits for its end any more.
    pub(super) fn may_end(&self, time: Duration) -> Option<bool> {
        let mut ring = self.ring();
        if ring.readers > 0 {
            ring.is_ending = false;
            return None;
        }
        Some(ring.left.is_none_or(|left| left.elapsed() >= time))
    }

    pub(super) fn push(&self, event: LiveEvent) {
        let mut ring = self.ring();
        ring.bytes += event.bytes();
        ring.events.push_back(Arc::new(event));
        while ring.events.len() > EVENTS || ring.bytes > BYTES {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes = ring.bytes.saturating_sub(oldest.bytes());
            ring.first += 1;
        }
        drop(ring);
        self.news.notify_waiters();
    }

    /// Returns events from this number on, their first number, and the number after the last.
    fn after(&self, next: u64) -> (Vec<Arc<LiveEvent>>, u64) {
        let ring = self.ring();
        let first = next.max(ring.first);
        let skipped = usize::try_from(first - ring.first).unwrap_or(usize::MAX);
        let events = ring.events.iter().skip(skipped).take(BATCH).cloned().collect();
        (events, first)
    }
}

/// A reader of a tenant's events.
pub struct Reader {
    channel: Arc<Channel>,
    next: u64,
    /// True if the reader came back to another channel: what it missed is unknown.
    is_lost: bool,
    closed: CancellationToken,
    left: Box<dyn Fn() + Send + Sync>,
}

/// Events that a reader gets together.
pub struct Batch {
    /// Events with their places.
    pub events: Vec<(Place, Arc<LiveEvent>)>,
    /// Number of events before these that the reader missed, because it was too slow.
    pub missed: u64,
    /// True if the reader came back too late to know what it missed.
    pub is_restarted: bool,
}

impl Reader {
    pub(super) fn new(
        channel: Arc<Channel>,
        from: Option<Place>,
        closed: CancellationToken,
        left: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let end = {
            let ring = channel.ring();
            ring.first + ring.events.len() as u64
        };
        let (next, is_lost) = match from {
            None => (end, false),
            Some(place) if place.channel == channel.id && place.event < end => (place.event + 1, false),
            Some(_) => (0, true),
        };
        Self {
            channel,
            next,
            is_lost,
            closed,
            left,
        }
    }

    /// Waits for events. Returns `None` when the process stops.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            let channel = Arc::clone(&self.channel);
            let mut news = std::pin::pin!(channel.news.notified());
            // Before the look at the events: one that comes in between is not missed.
            news.as_mut().enable();
            if self.closed.is_cancelled() {
                return None;
            }
            if let Some(batch) = self.batch() {
                return Some(batch);
            }
            tokio::select! {
                () = news => {}
                () = self.closed.cancelled() => return None,
            }
        }
    }

    fn batch(&mut self) -> Option<Batch> {
        let (events, first) = self.channel.after(self.next);
        let is_restarted = std::mem::take(&mut self.is_lost);
        if events.is_empty() && !is_restarted {
            return None;
        }
        let missed = if is_restarted { 0 } else { first - self.next };
        self.channel.missed.fetch_add(missed, Ordering::Relaxed);
        self.next = first + events.len() as u64;
        let places = (first..).map(|event| Place {
            channel: self.channel.id,
            event,
        });
        Some(Batch {
            events: places.zip(events).collect(),
            missed,
            is_restarted,
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut ring = self.channel.ring();
        ring.readers = ring.readers.saturating_sub(1);
        ring.left = Some(Instant::now());
        let is_last = ring.readers == 0 && !ring.is_ending;
        ring.is_ending |= is_last;
        drop(ring);
        if is_last {
            (self.left)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Kind;
    use super::*;

    fn channel() -> Arc<Channel> {
        let channel = Arc::<Channel>::default();
        assert!(channel.enter(1));
        channel
    }

    fn call(channel: &Channel) {
        channel.push(LiveEvent::new(
            ["r", "e", "i"],
            Duration::ZERO,
            Kind::Call("alga:log/logger"),
        ));
    }

    fn reader(channel: &Arc<Channel>, from: Option<Place>) -> Reader {
        Reader::new(Arc::clone(channel), from, CancellationToken::new(), Box::new(|| {}))
    }

    #[tokio::test]
    async fn a_reader_that_stops_reading_misses_events_and_costs_bounded_memory() {
        let channel = channel();
        let mut slow = reader(&channel, None);
        for _ in 0..1_000_000 {
            call(&channel);
        }
        assert!(channel.ring().bytes <= BYTES);
        let batch = slow.next().await.unwrap();
        assert_eq!(batch.missed + EVENTS.min(BYTES / 256) as u64, 1_000_000);
        assert_eq!(channel.missed.load(Ordering::Relaxed), batch.missed);
        assert_eq!(batch.events.len(), BATCH);
    }

    #[tokio::test]
    async fn a_reader_that_comes_back_continues_after_the_event_it_names() {
        let channel = channel();
        (0..10).for_each(|_| call(&channel));
        let seen: Place = format!("{:x}-4", channel.id).parse().unwrap();
        let batch = reader(&channel, Some(seen)).next().await.unwrap();
        assert_eq!((batch.events.len(), batch.missed, batch.is_restarted), (5, 0, false));
        assert_eq!(batch.events[0].0.to_string(), format!("{:x}-5", channel.id));
        // Of another process, or from the future.
        for unknown in [format!("{:x}-4", channel.id ^ 1), format!("{:x}-99", channel.id)] {
            let batch = reader(&channel, Some(unknown.parse().unwrap())).next().await.unwrap();
            assert_eq!((batch.events.len(), batch.is_restarted), (10, true));
        }
    }

    #[test]
    fn a_place_is_read_back_as_it_was_written_and_others_are_refused() {
        let place = Place {
            channel: 0xab,
            event: 7,
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for text in ["", "-", "x-1", "ab", "ab-", "ab--1"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
