//! `alga:log`: records of an execution. Bounded here, kept in the store, and handed out with the outcome, so that a guest that logs
//! without end costs what one that logs a little costs.

use crate::{Host, Permit};
use alga_bundle::Capability;
use serde::Serialize;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:log/imports@1.0.0" });

use alga::log::logger;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:log.emit",
    interface: "alga:log/logger",
    version: (1, 0, 0),
    granted_by_default: true,
    promise: "level, message and fields into the execution's log; bounded in number and size",
};

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

/// A record as the host keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogRecord {
    /// Its level.
    pub level: Level,
    /// Its message. Text of a stranger: escape it wherever it is shown.
    pub message: String,
    /// Its fields, likewise.
    pub fields: Vec<(String, String)>,
    /// Whether something was cut.
    pub is_cut: bool,
}

/// Records leave with the outcome; nothing is needed from outside.
pub(crate) type Service = ();

pub(crate) struct State {
    records: Vec<LogRecord>,
    bytes: usize,
    dropped: u64,
}

impl State {
    pub(crate) fn begin(_: &Arc<Permit>, (): &Service) -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            dropped: 0,
        }
    }

    /// The records and the number of those that were not kept.
    pub(crate) fn take(&mut self) -> (Vec<LogRecord>, u64) {
        (std::mem::take(&mut self.records), self.dropped)
    }

    fn accept(&mut self, level: Level, message: &str, fields: &[logger::Field]) -> Result<(), logger::Error> {
        let left = EXECUTION_BYTES.saturating_sub(self.bytes);
        if self.records.len() >= RECORDS || left == 0 {
            self.dropped += 1;
            return Err(logger::Error::BudgetExhausted);
        }
        let mut room = Room {
            bytes: RECORD_BYTES.min(left),
            was_short: fields.len() > FIELDS,
        };
        let message = room.fit(message);
        let mut kept = Vec::with_capacity(fields.len().min(FIELDS));
        kept.extend(
            fields
                .iter()
                .take(FIELDS)
                .map(|field| (room.fit(&field.name), room.fit(&field.value))),
        );
        self.bytes += RECORD_BYTES.min(left).saturating_sub(room.bytes);
        self.records.push(LogRecord {
            level,
            message,
            fields: kept,
            is_cut: room.was_short,
        });
        Ok(())
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

pub(crate) fn link(linker: &mut Linker<Host>, state: fn(&mut Host) -> &mut State) -> wasmtime::Result<()> {
    logger::add_to_linker::<Host, HasSelf<State>>(linker, state)
}

impl logger::Host for State {
    fn emit(&mut self, level: logger::Level, message: String, fields: Vec<logger::Field>) -> Result<(), logger::Error> {
        let level = match level {
            logger::Level::Debug => Level::Debug,
            logger::Level::Info => Level::Info,
            logger::Level::Warn => Level::Warn,
            logger::Level::Error => Level::Error,
        };
        self.accept(level, &message, &fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            records: Vec::new(),
            bytes: 0,
            dropped: 0,
        }
    }

    #[test]
    fn a_long_record_is_cut_at_a_character_and_says_so() {
        let mut state = state();
        state.accept(Level::Info, &"é".repeat(RECORD_BYTES), &[]).unwrap();
        let (records, _) = state.take();
        assert_eq!(records[0].message.len(), RECORD_BYTES);
        assert!(records[0].is_cut);
    }

    #[test]
    fn a_million_records_cost_no_more_than_the_budget() {
        let mut state = state();
        for _ in 0..1_000_000 {
            state.accept(Level::Info, &"x".repeat(2_000), &[]).ok();
        }
        let (records, dropped) = state.take();
        assert!(records.iter().map(|record| record.message.len()).sum::<usize>() <= EXECUTION_BYTES);
        assert_eq!(records.len() as u64 + dropped, 1_000_000);
    }
}
