//! What is written down of an execution: by the guest through `alga:log`, on its standard output and error, and by the host about it. Bounded
//! here, kept in the store, and handed out with the outcome, so that a guest that writes without end costs what one that writes a little
//! costs.

use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records of one execution. wit/deps/alga-log promises these limits.
const RECORDS: usize = 256;
/// Bytes of text in one record.
const RECORD_BYTES: usize = 8 * 1024;
/// Bytes of text in one execution: what the host may have to hold for each that runs.
const EXECUTION_BYTES: usize = 256 * 1024;
/// Fields of one record.
const FIELDS: usize = 32;

/// How much a record matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Who wrote a record.
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

/// A record as the host keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogRecord {
    /// Who wrote it.
    pub source: Source,
    /// Its level.
    pub level: Level,
    /// Its message. Text of a stranger: escape it wherever it is shown.
    pub message: String,
    /// Its fields, likewise.
    pub fields: Vec<(String, String)>,
    /// Whether something was cut.
    pub is_cut: bool,
}

/// The execution has used up what it may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// What one execution has written; shared by everything that writes for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    records: Vec<LogRecord>,
    bytes: usize,
    dropped: u64,
}

impl Journal {
    /// Writes a record, cutting what is too long. `fields` tells how many there are before it is walked.
    pub(crate) fn write<'a>(
        &self,
        source: Source,
        level: Level,
        message: &str,
        fields: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Full> {
        let mut kept = self.kept();
        let left = EXECUTION_BYTES.saturating_sub(kept.bytes);
        if kept.records.len() >= RECORDS || left == 0 {
            kept.dropped += 1;
            return Err(Full);
        }
        let mut room = Room {
            bytes: RECORD_BYTES.min(left),
            was_short: fields.len() > FIELDS,
        };
        let message = room.fit(message);
        let mut taken = Vec::with_capacity(fields.len().min(FIELDS));
        taken.extend(
            fields
                .take(FIELDS)
                .map(|(name, value)| (room.fit(name), room.fit(value))),
        );
        kept.bytes += RECORD_BYTES.min(left).saturating_sub(room.bytes);
        kept.records.push(LogRecord {
            source,
            level,
            message,
            fields: taken,
            is_cut: room.was_short,
        });
        Ok(())
    }

    /// Tells the author something, if there is room.
    pub(crate) fn tell(&self, level: Level, message: &str) {
        self.write(Source::Host, level, message, std::iter::empty()).ok();
    }

    /// Counts a record that was not kept.
    pub(crate) fn drop_one(&self) {
        self.kept().dropped += 1;
    }

    /// The records and the number of those that were not kept.
    pub(crate) fn take(&self) -> (Vec<LogRecord>, u64) {
        let mut kept = self.kept();
        (std::mem::take(&mut kept.records), kept.dropped)
    }

    /// Nothing under this lock can leave a record half written: what a panic left is as good as before.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are left for text.
struct Room {
    bytes: usize,
    was_short: bool,
}

impl Room {
    /// A copy of what fits: the guest's own buffer may be far larger than what is kept of it.
    fn fit(&mut self, text: &str) -> String {
        let kept = text
            .get(..text.floor_char_boundary(self.bytes.min(text.len())))
            .unwrap_or_default();
        self.was_short |= kept.len() < text.len();
        self.bytes -= kept.len();
        kept.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_is_cut_at_a_character_and_says_so() {
        let journal = Journal::default();
        let message = "é".repeat(RECORD_BYTES);
        journal
            .write(Source::Log, Level::Info, &message, std::iter::empty())
            .unwrap();
        let (records, _) = journal.take();
        assert_eq!(records[0].message.len(), RECORD_BYTES);
        assert!(records[0].is_cut);
    }

    #[test]
    fn a_million_records_cost_no_more_than_the_budget() {
        let journal = Journal::default();
        let message = "x".repeat(2_000);
        for _ in 0..1_000_000 {
            journal
                .write(Source::Log, Level::Info, &message, std::iter::empty())
                .ok();
        }
        let (records, dropped) = journal.take();
        assert!(records.iter().map(|record| record.message.len()).sum::<usize>() <= EXECUTION_BYTES);
        assert_eq!(records.len() as u64 + dropped, 1_000_000);
    }
}
