//! A bounded queue, and the task that sends what is in it to a collector. No request waits for a
//! collector: what does not fit into the queue is lost and counted.

use crate::collector::EXPORT_TIME;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// Maximum number of items that are sent at once.
const BATCH: usize = 512;
/// Longest time for which an item waits for others, to be sent with them.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// Shortest time between two reports of a collector that fails.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Sends items to a collector.
pub(crate) trait Sink: Send + 'static {
    /// A part of a batch.
    type Item: Send;

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

/// The entrance of a queue.
pub(crate) struct Entrance<T> {
    items: mpsc::Sender<Item<T>>,
    pub(crate) counters: Arc<Counters>,
}

/// The exit of a queue.
pub(crate) struct Exit<T> {
    items: mpsc::Receiver<Item<T>>,
    counters: Arc<Counters>,
}

/// Returns both ends of a queue for this number of items.
pub(crate) fn queue<T>(waiting: usize) -> (Entrance<T>, Exit<T>) {
    let (sender, receiver) = mpsc::channel(waiting);
    let counters = Arc::<Counters>::default();
    let entrance = Entrance {
        items: sender,
        counters: Arc::clone(&counters),
    };
    let exit = Exit {
        items: receiver,
        counters,
    };
    (entrance, exit)
}

impl<T> Entrance<T> {
    /// Adds all of these items, or none if there is no place for all.
    pub(crate) fn push(&self, all: Vec<T>) {
        let Ok(places) = self.items.try_reserve_many(all.len()) else {
            self.counters.lost.fetch_add(all.len() as u64, Ordering::Relaxed);
            return;
        };
        for (place, item) in places.zip(all) {
            place.send(Item::One(item));
        }
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

impl<T: Send + 'static> Exit<T> {
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
        let (mut batch, mut flushed) = (Vec::new(), None);
        let until = Instant::now() + BATCH_TIME;
        let mut next = Some(first);
        while let Some(item) = next.take() {
            match item {
                Item::One(item) => batch.push(item),
                Item::Flush(done) => flushed = Some(done),
            }
            if batch.len() < BATCH && flushed.is_none() {
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
    #[cfg(test)]
    pub(crate) fn unsent(&mut self) -> Vec<T> {
        let items = std::iter::from_fn(|| self.items.try_recv().ok());
        let items = items.filter_map(|item| match item {
            Item::One(item) => Some(item),
            Item::Flush(_) => None,
        });
        items.collect()
    }
}
