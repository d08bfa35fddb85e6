//! A bounded queue, and the task that sends what is in it to a collector. No request waits for a
//! collector: what does not fit into the queue is lost and counted.

use crate::collector::EXPORT_TIME;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// Maximum number of items that are sent at once.
const BATCH: usize = 512;
/// Bytes after which a batch is sent: collectors accept 4 MiB in a call of gRPC, unless they are
/// configured otherwise.
const BATCH_BYTES: usize = 1024 * 1024;
/// Longest time for which an item waits for others, to be sent with them.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// Shortest time between two reports of a collector that fails.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// A part of a batch.
pub(crate) trait Measured: Send + 'static {
    /// Returns about its bytes, here and as it is sent.
    fn bytes(&self) -> usize;
}

/// Sends items to a collector.
pub(crate) trait Sink: Send + 'static {
    /// A part of a batch.
    type Item: Measured;

    /// Sends a batch; the error is for the operator.
    fn send(&mut self, batch: Vec<Self::Item>) -> impl Future<Output = Result<(), String>> + Send;
}

/// Numbers of items since the process began.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) exported: AtomicU64,
    pub(crate) lost: AtomicU64,
}

enum Item<T> {
    One(T),
    Flush(oneshot::Sender<()>),
}

/// Limits of what waits in a queue.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

/// The entrance of a queue.
pub(crate) struct Entrance<T> {
    items: mpsc::Sender<Item<T>>,
    waiting: Waiting,
    bytes: Arc<AtomicUsize>,
    pub(crate) counters: Arc<Counters>,
}

/// The exit of a queue.
pub(crate) struct Exit<T> {
    items: mpsc::Receiver<Item<T>>,
    bytes: Arc<AtomicUsize>,
    counters: Arc<Counters>,
}

/// Returns both ends of a queue.
pub(crate) fn queue<T>(waiting: Waiting) -> (Entrance<T>, Exit<T>) {
    let (sender, receiver) = mpsc::channel(waiting.items);
    let (bytes, counters) = (Arc::<AtomicUsize>::default(), Arc::<Counters>::default());
    let entrance = Entrance {
        items: sender,
        waiting,
        bytes: Arc::clone(&bytes),
        counters: Arc::clone(&counters),
    };
    let exit = Exit {
        items: receiver,
        bytes,
        counters,
    };
    (entrance, exit)
}

impl<T: Measured> Entrance<T> {
    /// Adds all of these items, or none if there is no place for all.
    pub(crate) fn push(&self, all: Vec<T>) {
        self.push_within(self.waiting, all);
    }

    /// Adds all of these items if no more than this would wait then; it may be less than the queue
    /// has place for.
    pub(crate) fn push_within(&self, waiting: Waiting, all: Vec<T>) {
        let number = all.len();
        if !self.add(waiting, all) {
            self.counters.lost.fetch_add(number as u64, Ordering::Relaxed);
        }
    }

    fn add(&self, waiting: Waiting, all: Vec<T>) -> bool {
        let waiting_items = self.items.max_capacity() - self.items.capacity();
        if waiting_items + all.len() > waiting.items {
            return false;
        }
        let bytes = all.iter().map(Measured::bytes).sum();
        // Reserved first, so that callers at the same moment do not exceed the limit together.
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let places = self.items.try_reserve_many(all.len());
        let Some(places) = places.ok().filter(|_| before + bytes <= waiting.bytes) else {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        };
        for (place, item) in places.zip(all) {
            place.send(Item::One(item));
        }
        true
    }

    /// Waits until what is in the queue was sent, for this time at most.
    pub(crate) async fn flush(&self, longest: Duration) {
        let flushed = async {
            let (done, is_done) = oneshot::channel();
            if self.items.send(Item::Flush(done)).await.is_ok() {
                is_done.await.ok();
            }
        };
        timeout(longest, flushed).await.ok();
    }
}

impl<T: Measured> Exit<T> {
    /// Sends what comes until the entrance is dropped. `what` is the name of the items in a report.
    pub(crate) async fn send_to(mut self, mut sink: impl Sink<Item = T>, what: &'static str) {
        let mut reported = None;
        while let Some(first) = self.items.recv().await {
            let (batch, flushed) = self.batch(first).await;
            if let Err(failure) = self.send(&mut sink, batch).await
                && reported.is_none_or(|at: Instant| at.elapsed() >= REPORT_INTERVAL)
            {
                reported = Some(Instant::now());
                tracing::warn!(target: "alga::traces", failure, what, "the collector does not receive");
            }
            if let Some(done) = flushed {
                done.send(()).ok();
            }
        }
    }

    /// Collects what comes within a short time.
    async fn batch(&mut self, first: Item<T>) -> (Vec<T>, Option<oneshot::Sender<()>>) {
        let (mut batch, mut bytes, mut flushed) = (Vec::new(), 0, None);
        let until = Instant::now() + BATCH_TIME;
        let mut next = Some(first);
        while let Some(item) = next.take() {
            match item {
                Item::One(item) => {
                    self.bytes.fetch_sub(item.bytes(), Ordering::Relaxed);
                    bytes += item.bytes();
                    batch.push(item);
                }
                Item::Flush(done) => flushed = Some(done),
            }
            if batch.len() < BATCH && bytes < BATCH_BYTES && flushed.is_none() {
                next = timeout_at(until, self.items.recv()).await.ok().flatten();
            }
        }
        (batch, flushed)
    }

    async fn send(&self, sink: &mut impl Sink<Item = T>, batch: Vec<T>) -> Result<(), String> {
        let number = batch.len() as u64;
        if number == 0 {
            return Ok(());
        }
        let sent = timeout(EXPORT_TIME, sink.send(batch)).await;
        let sent = sent.unwrap_or_else(|_| Err("no response within 10 s".to_owned()));
        let counter = match &sent {
            Ok(()) => &self.counters.exported,
            Err(_) => &self.counters.lost,
        };
        counter.fetch_add(number, Ordering::Relaxed);
        sent
    }

    /// Returns what is in the queue now.
    pub(crate) fn unsent(&mut self) -> Vec<T> {
        let items = std::iter::from_fn(|| self.items.try_recv().ok());
        let items = items.filter_map(|item| match item {
            Item::One(item) => Some(item),
            Item::Flush(_) => None,
        });
        let items: Vec<T> = items.collect();
        let bytes = items.iter().map(Measured::bytes).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Records the bytes of each batch.
    struct Sizes(Arc<Mutex<Vec<usize>>>);

    impl Measured for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    impl Sink for Sizes {
        type Item = usize;

        async fn send(&mut self, batch: Vec<usize>) -> Result<(), String> {
            self.0.lock().unwrap().push(batch.iter().sum());
            Ok(())
        }
    }

    #[tokio::test]
    async fn batches_are_as_large_as_a_collector_accepts() {
        const LINE: usize = 64 * 1024;
        let (entrance, exit) = queue(Waiting {
            items: 1_000,
            bytes: usize::MAX,
        });
        let sizes = Arc::<Mutex<Vec<usize>>>::default();
        let sending = tokio::spawn(exit.send_to(Sizes(Arc::clone(&sizes)), "sizes"));
        entrance.push(vec![LINE; 100]);
        entrance.push(vec![1; 600]);
        entrance.flush(Duration::from_secs(60)).await;
        drop(entrance);
        sending.await.unwrap();
        let sizes = sizes.lock().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 100 * LINE + 600);
        assert!(sizes.iter().all(|bytes| *bytes < BATCH_BYTES + LINE), "{sizes:?}");
        assert!((7..=10).contains(&sizes.len()), "{sizes:?}");
    }
}
