//! The execution log of an install.

use crate::{Operation, Page};
use alga_bundle::{Digest, ExecutionId, InstallId, RequestId, TenantId, VersionId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A page of recorded executions, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Executions {
    /// Executions of the page.
    pub executions: Vec<Execution>,
    /// Value of `after` for the next page; null at the end of the list.
    pub next: Option<ExecutionId>,
}

/// An execution that wrote log records, failed, was cancelled or slow, or is a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Execution {
    /// Id of the execution; ids ascend with time.
    pub id: ExecutionId,
    /// Install that was executed.
    pub install_id: InstallId,
    /// Id of the handled request, which the client also received (`x-request-id`).
    pub request_id: RequestId,
    /// Version that ran, if the caller specified one.
    pub version_id: Option<VersionId>,
    /// Content hash of the bundle that ran.
    pub content_hash: Digest,
    /// End of the execution, in milliseconds since 1970.
    pub ended_at_ms: i64,
    /// Duration of the execution, in microseconds.
    pub duration_us: i64,
    /// Resource usage of the execution; null in entries written by an older program version.
    pub usage: Option<ExecutionUsage>,
    /// HTTP status of the extension's response, if there was one.
    pub status: Option<i64>,
    /// Error code, if there was no response.
    pub code: Option<String>,
    /// Log records of the execution.
    pub log: Vec<LogRecord>,
    /// Number of log records that were dropped.
    pub log_dropped: i64,
}

/// Resource usage of an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExecutionUsage {
    /// Time from the request's arrival to the response, in microseconds.
    pub duration_us: u64,
    /// Time in which the guest, or the host on its behalf, was running, in microseconds.
    pub cpu_us: u64,
    /// Part of `cpu_us` in which the guest's own code ran, in microseconds; the rest is the host's.
    pub guest_cpu_us: u64,
    /// Time for which the guest waited for a run slot, in microseconds.
    pub queued_us: u64,
    /// Peak memory of the guest in bytes, of all its memories and tables.
    pub memory_peak_bytes: u64,
    /// Number of calls to the host.
    pub host_calls: u64,
    /// Numbers of calls by interface, with dropped handles of its resources.
    pub host_calls_by: BTreeMap<String, u64>,
    /// Bytes of the request's body, as far as it was received.
    pub request_bytes: u64,
    /// Bytes of the response's body, as far as it was passed on.
    pub response_bytes: u64,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
    /// Fuel that the guest used, if the runner counts it: about one for each instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// True if the component had to be loaded first.
    pub cold: bool,
}

/// A log record. The extension wrote message and fields, so they are untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRecord {
    /// Writer of the record: `log`, `stdout` or `stderr` of the extension, or `host`.
    pub source: String,
    /// Severity of the record: `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Text of the record.
    pub message: String,
    /// Names and values.
    #[serde(default)]
    pub fields: Vec<(String, String)>,
    /// True if the message or a field was truncated or omitted.
    #[serde(default)]
    pub is_cut: bool,
}

/// Lists executions of an install, which is named by install id, extension id or extension name.
#[must_use]
pub fn executions(tenant: &TenantId, install: &str, page: &Page<'_>) -> Operation<Executions> {
    Operation::new("GET", &[&"tenants", tenant, &"installs", &install, &"executions"]).page(page)
}
