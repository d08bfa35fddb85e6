//! Execution records for the extension's author: identity, result, usage and log.

use crate::execution::Ended;
use crate::live::Watched;
use crate::quota::Held;
use crate::run_slots::Used;
use crate::traced::{self, EndedExecution};
use crate::usage::outcome;
use crate::{ExecutionMinutes, Usage, operator_log};
use alga_bundle::Digest;
use alga_capabilities::{Accounting, Identity, Level, LogRecord, Permit, Source};
use alga_engine::processor_time;
use alga_errors::{Blame, Code, Problem, chain};
use alga_traces::Span;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Maximum bytes of a failure's reason: a backtrace of some dozen functions.
const REASON_BYTES: usize = 3 * 1024;

/// Record of an execution that logged something, failed, was cancelled or slow, or is a sample. Of
/// all other executions there are only sums ([`ExecutionMinutes`]) and the operator's log.
#[derive(Debug, Clone)]
pub struct ExecutionRecord {
    /// Request, tenant, extension, install and version.
    pub identity: Identity,
    /// Content hash of the release that ran.
    pub content_hash: Digest,
    /// Method and path of the manifest; `None` if the request matched none, or failed before that
    /// was known.
    pub endpoint: Option<Arc<str>>,
    /// The extension's status, or the code of the error.
    pub result: Result<u16, Code>,
    /// Resources that the execution used.
    pub usage: Usage,
    /// Log records of the execution.
    pub log: Vec<LogRecord>,
    /// Number of log records that were dropped.
    pub log_dropped: u64,
}

impl ExecutionRecord {
    /// Returns `2xx` to `5xx` for a status, or the code of the error.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        outcome(self.result)
    }
}

/// Sink for execution records.
pub trait ExecutionRecords: Send + Sync {
    /// Queues a record without waiting, because it is called on the request path. A record for
    /// which there is no capacity is dropped and counted.
    fn enqueue(&self, record: ExecutionRecord);

    /// Reports whether an execution gets a record although it succeeded and wrote no log: because
    /// it was slow, or as a sample.
    fn wants(&self, usage: &Usage) -> bool;
}

/// Destinations of an execution that has ended.
#[derive(Clone)]
pub(crate) struct Sinks {
    pub(crate) records: Arc<dyn ExecutionRecords>,
    pub(crate) minutes: Arc<ExecutionMinutes>,
}

/// Usage and log of one execution so far.
#[derive(Default)]
pub(crate) struct ExecutionAccounting {
    pub(crate) usage: Usage,
    log: Vec<LogRecord>,
    log_dropped: u64,
    /// True if the execution was admitted. A request that is refused for lack of capacity leaves no
    /// record, so that clients cannot fill the log.
    pub(crate) is_admitted: bool,
}

impl ExecutionAccounting {
    /// Moves usage and log out of the accounting of a store when the execution ends, for whatever
    /// reason.
    pub(crate) fn adopt(&mut self, accounting: Accounting, used: &Used) {
        let usage = &mut self.usage;
        usage.cpu_us = microseconds(used.cpu);
        // A guest that was cancelled while it ran is measured a little later than its last poll.
        // Its part of the processor time is its part of the time in which it was polled.
        let part = accounting
            .guest_time
            .div_duration_f64(used.polled.max(Duration::from_nanos(1)));
        usage.guest_cpu_us = microseconds(used.cpu.mul_f64(part.min(1.0)));
        usage.queued_us += microseconds(used.queued);
        usage.memory_peak_bytes = accounting.memory_peak_bytes as u64;
        usage.host_calls = accounting.host_calls;
        usage.host_calls_by = accounting.host_calls_by;
        usage.egress_bytes = accounting.egress_bytes;
        usage.ingress_bytes = accounting.ingress_bytes;
        (self.log, self.log_dropped) = (accounting.log, accounting.log_dropped);
    }

    /// Adds a log record of the host for the author.
    pub(crate) fn note(&mut self, mut message: String) {
        let is_truncated = message.len() > REASON_BYTES;
        message.truncate(message.floor_char_boundary(REASON_BYTES));
        self.log.push(LogRecord {
            source: Source::Host,
            level: Level::Error,
            message,
            fields: Vec::new(),
            is_truncated,
        });
    }
}

/// One execution in progress. Its log, usage and record are written when it ends: by
/// [`Self::finish`], or when it is dropped because its client disconnected.
pub(crate) struct RunningExecution {
    pub(crate) permit: Arc<Permit>,
    pub(crate) content_hash: Digest,
    pub(crate) sinks: Sinks,
    /// Name of the endpoint in the manifest, when it is known.
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) started: Instant,
    pub(crate) account: ExecutionAccounting,
    /// The readers that follow the execution, if there are some.
    pub(crate) watched: Option<Arc<Watched>>,
    /// The span of the execution, if it is traced.
    pub(crate) span: Option<Span>,
    /// Credit of the execution, returned when it ends.
    pub(crate) held: Option<Held>,
    is_over: bool,
    /// The field that is dropped last: an execution is in progress until its record is passed on.
    _in_progress: TaskTrackerToken,
}

impl RunningExecution {
    pub(crate) fn new(
        permit: &Arc<Permit>,
        content_hash: Digest,
        sinks: Sinks,
        started: Instant,
        in_progress: TaskTrackerToken,
    ) -> Self {
        Self {
            permit: Arc::clone(permit),
            content_hash,
            sinks,
            endpoint: None,
            started,
            account: ExecutionAccounting::default(),
            watched: None,
            span: None,
            held: None,
            is_over: false,
            _in_progress: in_progress,
        }
    }

    /// Ends the execution with the status of its response, or without a response.
    pub(crate) fn finish(mut self, result: Result<u16, Problem>) -> Ended {
        self.conclude(&result);
        Ended {
            usage: self.account.usage,
            result: result.map(drop),
        }
    }

    fn conclude(&mut self, result: &Result<u16, Problem>) {
        self.is_over = true;
        self.write_guest_log();
        self.account.usage.duration_us = microseconds(self.started.elapsed());
        if let Some(held) = self.held.take().filter(|_| self.account.is_admitted) {
            held.settle(&self.account.usage);
        }
        if let Some(mut span) = self.span.take() {
            let code = result.as_ref().err().map(Problem::code);
            let ended = EndedExecution {
                permit: Arc::clone(&self.permit),
                content_hash: self.content_hash,
                endpoint: self.endpoint.clone(),
                usage: self.account.usage,
                outcome: outcome(result.as_ref().copied().map_err(Problem::code)),
            };
            traced::end(&mut span, ended, code, self.account.is_admitted);
        }
        let usage = &self.account.usage;
        if self.account.is_admitted {
            let (minutes, endpoint) = (&self.sinks.minutes, self.endpoint.clone());
            minutes.count(&self.permit.identity, endpoint, result, usage);
        }
        operator_log::outcome(&self.permit, self.content_hash, result, usage);
        if let Some(watched) = &self.watched {
            watched.ended(result, usage);
        }
        self.submit_record(result);
    }

    /// Writes the guest's records to the operator's log. That is work for the guest, as its
    /// calls are.
    fn write_guest_log(&mut self) {
        let account = &mut self.account;
        if account.log.is_empty() && account.log_dropped == 0 {
            return;
        }
        let begun = processor_time();
        operator_log::guest_records(&self.permit, self.content_hash, &account.log, account.log_dropped);
        account.usage.cpu_us += microseconds(processor_time().saturating_sub(begun));
    }

    /// Passes the record on if there is something in it, with the reason of a failure that the
    /// author can act on.
    fn submit_record(&mut self, result: &Result<u16, Problem>) {
        let log_dropped = self.account.log_dropped;
        let mut log = std::mem::take(&mut self.account.log);
        let has_contents = result.is_err() || !log.is_empty() || log_dropped > 0;
        if !self.account.is_admitted || !(has_contents || self.sinks.records.wants(&self.account.usage)) {
            return;
        }
        if let Some(reason) = result.as_ref().err().and_then(reason) {
            self.account.note(reason);
            log.append(&mut self.account.log);
        }
        let result = result.as_ref().copied().map_err(Problem::code);
        self.sinks.records.enqueue(ExecutionRecord {
            identity: self.permit.identity.clone(),
            content_hash: self.content_hash,
            endpoint: self.endpoint.take(),
            result,
            usage: self.account.usage,
            log,
            log_dropped,
        });
    }
}

impl Drop for RunningExecution {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let problem = if std::thread::panicking() {
            Problem::internal("a panic outside the guest call")
        } else {
            let message = "the client closed its connection before the response was complete";
            Problem::new(Code::ClientClosed, message)
        };
        self.conclude(&Err(problem));
    }
}

pub(crate) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the reason of a failure that is shown to the author: a trap's location in the guest's
/// code, or that the client disconnected. Reasons of other failures are only for the operator.
fn reason(problem: &Problem) -> Option<String> {
    let is_for_the_author = problem.code().blame() == Blame::Guest || problem.code() == Code::ClientClosed;
    is_for_the_author.then(|| chain(problem).to_string())
}
