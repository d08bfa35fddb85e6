//! Writes execution records to the database: queued without waiting, written in batches, bounded in
//! bytes and in rate, so that no guest can overload the database by logging or failing.

use crate::config::RecordSettings;
use alga_bundle::{ExecutionId, InstallId, TenantId};
use alga_capabilities::Source;
use alga_errors::chain;
use alga_execute::{ExecutionRecord, ExecutionRecords, Usage};
use alga_metrics::RecordedDurations;
use alga_store::{Database, ExecutionRow};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// Capacity in KiB of the queue of records that wait for the database.
const QUEUE_KIB: usize = 32 * 1024;
/// KiB per second of one install, and its burst: a record counts as at least 1, and its guest text
/// as at most [`RECORD_BYTES`].
const KIB_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(63);
const KIB_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_023);
/// Maximum bytes, as JSON, of the guest's log lines in one record: enough to diagnose a failure.
/// The operator's log has all of them.
const RECORD_BYTES: usize = 32 * 1024;
/// Bytes of a line in addition to its texts.
const LINE_BYTES: usize = 80;
/// Number of records written together.
const BATCH: usize = 20;
/// Time to write queued records when the process stops.
const LAST_MOMENT: Duration = Duration::from_secs(10);
/// Number of installs with a rate above which those that are idle again are evicted.
const RATES: usize = 10_000;

/// Queue of execution records for the database.
pub struct ExecutionRecordWriter {
    queue: mpsc::UnboundedSender<Message>,
    capacity: Arc<Semaphore>,
    rates: DefaultKeyedRateLimiter<InstallId>,
    dropped: AtomicU64,
    settings: RecordSettings,
    durations: RecordedDurations,
}

enum Message {
    Record(Box<QueuedRecord>, OwnedSemaphorePermit),
    Flush(oneshot::Sender<()>),
}

/// A record, and the time at which it was queued.
struct QueuedRecord {
    record: ExecutionRecord,
    id: ExecutionId,
    at_ms: i64,
}

impl ExecutionRecordWriter {
    /// Starts a queue that writes into this database until it is dropped.
    pub(crate) fn start(database: Database, settings: RecordSettings, durations: RecordedDurations) -> Arc<Self> {
        let (queue, waiting) = mpsc::unbounded_channel();
        let log = Arc::new(Self {
            queue,
            capacity: Arc::new(Semaphore::new(QUEUE_KIB)),
            rates: DefaultKeyedRateLimiter::keyed(Quota::per_second(KIB_PER_SECOND).allow_burst(KIB_AT_ONCE)),
            dropped: AtomicU64::new(0),
            settings,
            durations,
        });
        tokio::spawn(write(waiting, database, Arc::downgrade(&log)));
        log
    }

    /// Waits until every record that was queued before is in the database, or dropped.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).is_ok() {
            is_done.await.ok();
        }
    }

    /// Flushes when the process stops, and does not wait for a database that does not respond in
    /// time.
    pub(crate) async fn close(&self) {
        if timeout(LAST_MOMENT, self.flush()).await.is_err() {
            tracing::warn!("execution records were lost: the database did not accept them in time");
        }
    }

    /// Returns the number of records that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lose(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn enqueue(&self, mut record: ExecutionRecord) -> Option<()> {
        let kib = u32::try_from(truncate(&mut record) / 1024 + 1).ok()?;
        let many = NonZeroU32::new(kib)?;
        self.rates.check_key_n(&record.identity.install, many).ok()?.ok()?;
        let permit = Arc::clone(&self.capacity).try_acquire_many_owned(kib).ok()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let duration = Duration::from_micros(record.usage.duration_us);
        let request = record.identity.request.as_str();
        self.durations.observe(record.outcome(), duration, request);
        let queued = QueuedRecord {
            record,
            id: uuid::Uuid::now_v7().to_string().parse().ok()?,
            at_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        };
        self.queue.send(Message::Record(Box::new(queued), permit)).ok()
    }
}

impl ExecutionRecords for ExecutionRecordWriter {
    fn enqueue(&self, record: ExecutionRecord) {
        if self.enqueue(record).is_none() {
            self.lose(1);
        }
    }

    fn wants(&self, usage: &Usage) -> bool {
        let RecordSettings {
            slower_than, one_in, ..
        } = self.settings;
        let is_slow = slower_than.is_some_and(|limit| Duration::from_micros(usage.duration_us) > limit);
        is_slow || one_in.is_some_and(|of| fastrand::u32(0..of.get()) == 0)
    }
}

/// Drops the guest's lines beyond [`RECORD_BYTES`]; the host's lines stay. Returns the bytes that
/// remain.
fn truncate(record: &mut ExecutionRecord) -> usize {
    let (mut guest_bytes, mut host_bytes, all) = (0, 0, record.log.len());
    record.log.retain(|line| {
        let texts = line
            .fields
            .iter()
            .flat_map(|(name, value)| [name, value])
            .chain([&line.message]);
        let bytes: usize = texts.map(|text| json_bytes(text)).sum::<usize>() + LINE_BYTES;
        if line.source == Source::Host {
            host_bytes += bytes;
            return true;
        }
        guest_bytes += bytes;
        guest_bytes <= RECORD_BYTES
    });
    record.log_dropped += all.saturating_sub(record.log.len()) as u64;
    guest_bytes.min(RECORD_BYTES) + host_bytes
}

/// Returns the bytes of a string as JSON.
fn json_bytes(text: &str) -> usize {
    let bytes_of = |byte: u8| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(bytes_of).sum()
}

async fn write(
    mut waiting: mpsc::UnboundedReceiver<Message>,
    database: Database,
    log: std::sync::Weak<ExecutionRecordWriter>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (mut by_tenant, mut flushed) = (BTreeMap::<TenantId, Vec<ExecutionRow>>::new(), Vec::new());
        let mut permits = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Record(record, permit) => {
                    let tenant = record.record.identity.tenant.clone();
                    by_tenant.entry(tenant).or_default().push(row(*record));
                    permits.push(permit);
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        for (tenant, rows) in by_tenant {
            if let Err(error) = database.store_executions(&tenant, &rows).await {
                tracing::warn!(%tenant, records = rows.len(), error = %chain(&error), "execution records were lost");
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

fn row(queued: QueuedRecord) -> ExecutionRow {
    let QueuedRecord { record, id, at_ms } = queued;
    let (status, code) = match record.result {
        Ok(status) => (Some(i64::from(status)), None),
        Err(code) => (None, Some(code.as_str().to_owned())),
    };
    ExecutionRow {
        id,
        install_id: record.identity.install,
        request_id: record.identity.request,
        version_id: record.identity.version,
        content_hash: record.content_hash,
        endpoint: record.endpoint.as_deref().map(str::to_owned),
        ended_at_ms: at_ms,
        usage: serde_json::to_value(record.usage).ok(),
        duration_us: i64::try_from(record.usage.duration_us).unwrap_or(i64::MAX),
        status,
        code,
        log: serde_json::to_value(record.log).unwrap_or_default(),
        log_dropped: i64::try_from(record.log_dropped).unwrap_or(i64::MAX),
    }
}
