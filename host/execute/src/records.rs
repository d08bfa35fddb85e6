//! What is kept of an execution for its author: who, what came of it, and what was written.

use crate::{GuestResponse, Usage};
use alga_bundle::Digest;
use alga_capabilities::{Identity, Level, LogRecord, Source};
use alga_errors::{Blame, Code, Problem, chain};
use std::sync::Arc;

/// Bytes of a failure's reason: a backtrace of some hundred functions.
const REASON_BYTES: usize = 8 * 1024;

/// An execution that wrote something or failed; others leave only their usage.
#[derive(Debug, Clone)]
pub struct ExecutionRecord {
    /// Whose.
    pub identity: Identity,
    /// What ran.
    pub content_hash: Digest,
    /// The extension's status, or why there is none.
    pub result: Result<u16, Code>,
    /// What it cost.
    pub usage: Usage,
    /// What was written.
    pub log: Vec<LogRecord>,
    /// Log records that were not kept.
    pub log_dropped: u64,
}

/// Keeps records of executions.
pub trait ExecutionRecords: Send + Sync {
    /// Takes a record and does not wait: it is called on the request path. What there is no room for is lost, and counted.
    fn keep(&self, record: ExecutionRecord);
}

/// What one execution has cost and written so far.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) usage: Usage,
    pub(crate) log: Vec<LogRecord>,
    pub(crate) log_dropped: u64,
    /// Whether the guest's code ran: who is refused before that leaves no record, so that nobody fills the log from outside.
    pub(crate) has_run: bool,
}

impl Account {
    /// Hands the record over if there is something in it, with the reason of a failure that the guest is to blame for.
    pub(crate) fn close(
        self,
        records: &Arc<dyn ExecutionRecords>,
        identity: &Identity,
        content_hash: Digest,
        result: &Result<GuestResponse, Problem>,
    ) {
        let Self {
            usage,
            mut log,
            log_dropped,
            has_run,
        } = self;
        if !has_run || (result.is_ok() && log.is_empty() && log_dropped == 0) {
            return;
        }
        log.extend(result.as_ref().err().and_then(reason));
        let result = match result {
            Ok(response) => Ok(response.status),
            Err(problem) => Err(problem.code()),
        };
        records.keep(ExecutionRecord {
            identity: identity.clone(),
            content_hash,
            result,
            usage,
            log,
            log_dropped,
        });
    }
}

/// For the author: a trap's place in the guest's code. Reasons of other failures are the operator's.
fn reason(problem: &Problem) -> Option<LogRecord> {
    if problem.code().blame() != Blame::Guest {
        return None;
    }
    let mut message = chain(problem).to_string();
    let is_cut = message.len() > REASON_BYTES;
    message.truncate(message.floor_char_boundary(REASON_BYTES));
    Some(LogRecord {
        source: Source::Host,
        level: Level::Error,
        message,
        fields: Vec::new(),
        is_cut,
    })
}
