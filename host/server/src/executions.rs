//! Records of executions on their way into the database: taken without waiting, written in batches, bounded in bytes and in rate, so that no
//! guest makes work for the database by writing or failing without end.

use alga_bundle::{ExecutionId, InstallId, TenantId};
use alga_errors::chain;
use alga_execute::{ExecutionRecord, ExecutionRecords};
use alga_store::{Database, ExecutionRow};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// KiB of records that wait for the database.
const ROOM_KIB: usize = 32 * 1024;
/// Records of one install in a second, and at once.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
/// Records that are written together.
const BATCH: usize = 100;
/// Installs whose rates are remembered before those that are quiet again are forgotten.
const RATES: usize = 10_000;

/// The way into the database.
pub struct ExecutionLog {
    queue: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
    rates: DefaultKeyedRateLimiter<InstallId>,
    lost: AtomicU64,
}

enum Message {
    Record(Box<ExecutionRecord>, OwnedSemaphorePermit),
    Flush(oneshot::Sender<()>),
}

impl ExecutionLog {
    /// A log that writes into this database until it is dropped.
    pub(crate) fn start(database: Database) -> Arc<Self> {
        let (queue, waiting) = mpsc::unbounded_channel();
        let log = Arc::new(Self {
            queue,
            room: Arc::new(Semaphore::new(ROOM_KIB)),
            rates: DefaultKeyedRateLimiter::keyed(Quota::per_second(PER_SECOND).allow_burst(AT_ONCE)),
            lost: AtomicU64::new(0),
        });
        tokio::spawn(write(waiting, database, Arc::downgrade(&log)));
        log
    }

    /// Returns when everything that was taken before is in the database, or lost.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).is_ok() {
            is_done.await.ok();
        }
    }

    /// Records that are in no database.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self, count: usize) {
        self.lost.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn take(&self, record: ExecutionRecord) -> Option<()> {
        self.rates.check_key(&record.identity.install).ok()?;
        let texts = record.log.iter().map(|line| {
            let fields = line.fields.iter().map(|(name, value)| name.len() + value.len());
            line.message.len() + fields.sum::<usize>() + 64
        });
        let kib = u32::try_from(texts.sum::<usize>() / 1024 + 1).ok()?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).ok()?;
        self.queue.send(Message::Record(Box::new(record), room)).ok()
    }
}

impl ExecutionRecords for ExecutionLog {
    fn keep(&self, record: ExecutionRecord) {
        if self.take(record).is_none() {
            self.lose(1);
        }
    }
}

async fn write(mut waiting: mpsc::UnboundedReceiver<Message>, database: Database, log: std::sync::Weak<ExecutionLog>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (mut by_tenant, mut flushed) = (BTreeMap::<TenantId, Vec<ExecutionRow>>::new(), Vec::new());
        let mut rooms = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Record(record, room) => {
                    let tenant = record.identity.tenant.clone();
                    by_tenant.entry(tenant).or_default().extend(row(*record));
                    rooms.push(room);
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        for (tenant, rows) in by_tenant {
            if let Err(error) = database.keep_executions(&tenant, &rows).await {
                tracing::warn!(%tenant, records = rows.len(), error = %chain(&error), "records of executions are lost");
                if let Some(log) = log.upgrade() {
                    log.lose(rows.len());
                }
            }
        }
        for done in flushed {
            done.send(()).ok();
        }
        if let Some(log) = log.upgrade().filter(|log| log.rates.len() > RATES) {
            log.rates.retain_recent();
        }
    }
}

/// None when it cannot be told apart from others, which does not happen.
fn row(record: ExecutionRecord) -> Option<ExecutionRow> {
    let (status, code) = match record.result {
        Ok(status) => (Some(i64::from(status)), None),
        Err(code) => (None, Some(code.as_str().to_owned())),
    };
    let id: ExecutionId = uuid::Uuid::now_v7().to_string().parse().ok()?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(ExecutionRow {
        id,
        install_id: record.identity.install,
        request_id: record.identity.request,
        version_id: record.identity.version,
        content_hash: record.content_hash,
        ended_at_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        duration_us: i64::try_from(record.usage.duration_us).unwrap_or(i64::MAX),
        status,
        code,
        log: serde_json::to_value(record.log).unwrap_or_default(),
        log_dropped: i64::try_from(record.log_dropped).unwrap_or(i64::MAX),
    })
}
