//! The log of one execution: records that the guest writes through `alga:log`, standard output and
//! standard error, and notes of the host. It is buffered in the wasmtime store and returned with
//! the outcome. Its size is bounded here, so that a guest that never stops writing costs the host
//! as little as one that writes a few records.

use crate::rate_limit::InstallRateLimiter;
use alga_bundle::InstallId;
use governor::Quota;
use serde::Serialize;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum records of one execution. `wit/deps/alga-log` documents these limits.
const RECORDS: usize = 256;
/// Maximum bytes of text in one record.
const RECORD_BYTES: usize = 8 * 1024;
/// Maximum bytes of text per execution, which bounds the host memory of each running execution.
const EXECUTION_BYTES: usize = 256 * 1024;
/// Maximum number of host notes per execution, in addition to the guest's records.
const HOST_RECORDS: usize = 32;
/// Maximum bytes of one host note.
const HOST_BYTES: usize = 1024;
/// Maximum fields of one record.
const FIELDS: usize = 32;

/// Records of one install per second, after a burst of twice as many. Documented in
/// `wit/deps/alga-log`.
const RECORDS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_999);

/// The severity of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// The writer of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The guest, through `alga:log`.
    Log,
    /// The guest, on its standard output.
    Stdout,
    /// The guest, on its standard error.
    Stderr,
    /// The host, for the extension's author.
    Host,
}

/// A log record as the host stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogRecord {
    /// The writer of the record.
    pub source: Source,
    /// The severity of the record.
    pub level: Level,
    /// The message, which is untrusted text: escape it wherever it is displayed.
    pub message: String,
    /// The fields as names and values, which are untrusted text as well.
    pub fields: Vec<(String, String)>,
    /// True if the message or a field was truncated or omitted.
    #[serde(rename = "is_cut")]
    pub is_truncated: bool,
}

/// Receives what an execution does while it runs. It is called on the execution's thread, so it
/// does not wait.
pub trait Watcher: Send + Sync {
    /// The guest or the host has written a record.
    fn wrote(&self, record: &LogRecord);

    /// The guest calls a granted capability, by the name of its interface.
    fn called(&self, interface: &'static str);
}

/// The watcher of an execution, if there is one.
pub type Watching = Option<Arc<dyn Watcher>>;

/// Reason why a record was counted but not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The execution has exhausted its log budget.
    Full,
    /// The install exceeds its rate; installs share the disk that logs are stored on.
    TooFast,
}

/// Returns the limiter of log records per install.
pub(crate) fn pace() -> InstallRateLimiter {
    let burst = RECORDS_PER_SECOND.saturating_add(RECORDS_PER_SECOND.get());
    InstallRateLimiter::new(Quota::per_second(RECORDS_PER_SECOND).allow_burst(burst))
}

/// The log of one execution, shared by everything that writes into it.
#[derive(Clone)]
pub(crate) struct GuestLog {
    buffer: Arc<Mutex<LogBuffer>>,
    install: InstallId,
    pace: InstallRateLimiter,
    watching: Watching,
}

#[derive(Debug, Default)]
struct LogBuffer {
    records: Vec<LogRecord>,
    bytes: usize,
    dropped: u64,
    host_records: usize,
}

impl GuestLog {
    pub(crate) fn new(install: InstallId, pace: InstallRateLimiter, watching: Watching) -> Self {
        Self {
            buffer: Arc::default(),
            install,
            pace,
            watching,
        }
    }

    fn push(&self, buffer: &mut LogBuffer, record: LogRecord) {
        if let Some(watcher) = &self.watching {
            watcher.wrote(&record);
        }
        buffer.records.push(record);
    }

    /// Writes a record of the guest and truncates it to the limits. `fields` has a known length, so
    /// that a surplus is detected without iterating over it.
    pub(crate) fn write<'a>(
        &self,
        source: Source,
        level: Level,
        message: &str,
        fields: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Dropped> {
        if !self.pace.allows(&self.install) {
            self.buffer().dropped += 1;
            return Err(Dropped::TooFast);
        }
        self.put(source, level, message, fields)
    }

    fn put<'a>(
        &self,
        source: Source,
        level: Level,
        message: &str,
        fields: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Dropped> {
        let mut buffer = self.buffer();
        let left = EXECUTION_BYTES.saturating_sub(buffer.bytes);
        if buffer.records.len().saturating_sub(buffer.host_records) >= RECORDS || left == 0 {
            buffer.dropped += 1;
            return Err(Dropped::Full);
        }
        let mut budget = ByteBudget {
            bytes: RECORD_BYTES.min(left),
            was_short: fields.len() > FIELDS,
        };
        let message = budget.fit(message);
        let mut stored_fields = Vec::with_capacity(fields.len().min(FIELDS));
        stored_fields.extend(
            fields
                .take(FIELDS)
                .map(|(name, value)| (budget.fit(name), budget.fit(value))),
        );
        buffer.bytes += RECORD_BYTES.min(left).saturating_sub(budget.bytes);
        let record = LogRecord {
            source,
            level,
            message,
            fields: stored_fields,
            is_truncated: budget.was_short,
        };
        self.push(&mut buffer, record);
        Ok(())
    }

    /// Writes a note of the host for the extension's author. Notes have a budget of their own,
    /// which the guest's records cannot exhaust.
    pub(crate) fn push_host_note(&self, level: Level, message: &str) {
        let mut buffer = self.buffer();
        if buffer.host_records >= HOST_RECORDS {
            buffer.dropped += 1;
            return;
        }
        buffer.host_records += 1;
        let mut budget = ByteBudget {
            bytes: HOST_BYTES,
            was_short: false,
        };
        let record = LogRecord {
            source: Source::Host,
            level,
            message: budget.fit(message),
            fields: Vec::new(),
            is_truncated: budget.was_short,
        };
        self.push(&mut buffer, record);
    }

    /// Moves the records out of the log and returns them with the number of dropped records.
    pub(crate) fn drain(&self) -> (Vec<LogRecord>, u64) {
        let mut buffer = self.buffer();
        (std::mem::take(&mut buffer.records), buffer.dropped)
    }

    /// Locks the buffer. Poisoning is ignored: code under this lock cannot leave a record half
    /// written.
    fn buffer(&self) -> MutexGuard<'_, LogBuffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The remaining bytes for text.
struct ByteBudget {
    bytes: usize,
    was_short: bool,
}

impl ByteBudget {
    /// Copies the part of `text` that fits. A copy, because the guest's buffer may be far larger
    /// than that part.
    fn fit(&mut self, text: &str) -> String {
        let fitting = text
            .get(..text.floor_char_boundary(self.bytes.min(text.len())))
            .unwrap_or_default();
        self.was_short |= fitting.len() < text.len();
        self.bytes -= fitting.len();
        fitting.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest_log(install: &str, pace: &InstallRateLimiter) -> GuestLog {
        GuestLog::new(install.parse().unwrap(), pace.clone(), None)
    }

    #[test]
    fn an_install_that_floods_its_log_is_rate_limited_and_others_are_not() {
        let pace = pace();
        let mut too_fast = 0;
        for _ in 0..100 {
            let flood = guest_log("i-1", &pace);
            for source in [Source::Log, Source::Stdout].into_iter().cycle().take(100) {
                let written = flood.write(source, Level::Info, "", std::iter::empty());
                too_fast += usize::from(written == Err(Dropped::TooFast));
            }
        }
        assert!(too_fast > 0);
        let neighbour = guest_log("i-2", &pace);
        assert_eq!(
            neighbour.write(Source::Log, Level::Info, "", std::iter::empty()),
            Ok(())
        );
    }

    #[test]
    fn host_records_have_a_bounded_budget_of_their_own() {
        let guest_log = guest_log("i-1", &pace());
        for _ in 0..RECORDS * 2 {
            guest_log.write(Source::Log, Level::Info, "", std::iter::empty()).ok();
        }
        for _ in 0..100 {
            guest_log.push_host_note(Level::Warn, &"x".repeat(HOST_BYTES + 1));
        }
        let (records, dropped) = guest_log.drain();
        let of_host: Vec<_> = records.iter().filter(|record| record.source == Source::Host).collect();
        assert_eq!((records.len(), of_host.len()), (RECORDS + HOST_RECORDS, HOST_RECORDS));
        assert_eq!(dropped, (RECORDS + 100 - HOST_RECORDS) as u64);
        assert!(
            of_host
                .iter()
                .all(|record| record.message.len() == HOST_BYTES && record.is_truncated)
        );
    }

    #[test]
    fn a_long_record_is_truncated_at_a_character_and_marked() {
        let guest_log = guest_log("i-1", &pace());
        let message = "é".repeat(RECORD_BYTES);
        guest_log
            .write(Source::Log, Level::Info, &message, std::iter::empty())
            .unwrap();
        let (records, _) = guest_log.drain();
        assert_eq!(records[0].message.len(), RECORD_BYTES);
        assert!(records[0].is_truncated);
    }

    #[test]
    fn a_million_records_cost_no_more_than_the_budget() {
        let guest_log = guest_log("i-1", &pace());
        let message = "x".repeat(2_000);
        for _ in 0..1_000_000 {
            guest_log
                .write(Source::Log, Level::Info, &message, std::iter::empty())
                .ok();
        }
        let (records, dropped) = guest_log.drain();
        assert!(records.iter().map(|record| record.message.len()).sum::<usize>() <= EXECUTION_BYTES);
        assert_eq!(records.len() as u64 + dropped, 1_000_000);
    }
}
