//! The execution log of an install.

use crate::{Operation, Page};
use alga_bundle::{Digest, ExecutionId, InstallId, RequestId, TenantId, VersionId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Conditions for executions, and the part of the list. What is omitted is not restricted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutionsQuery {
    /// Value of `next` in the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ExecutionId>,
    /// Number of entries of the page.
    #[schemars(range(min = 1, max = 200))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Request that was handled: its `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// Method and path of the manifest, such as `GET /agreements/:id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `2xx` to `5xx` by the extension's status, or the code of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// First end of an execution, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// Last end of an execution, which is not included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<i64>,
    /// Shortest duration, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_us: Option<i64>,
    /// Longest duration, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration_us: Option<i64>,
}

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
    /// Method and path of the manifest; null if the request matched none, or failed before that
    /// was known.
    pub endpoint: Option<String>,
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

/// Lists some executions of a tenant: of all its installs, or of one, which is named by install id,
/// extension id or extension name.
#[must_use]
pub fn some_executions(tenant: &TenantId, install: Option<&str>, query: &ExecutionsQuery) -> Operation<Executions> {
    let operation = match &install {
        Some(install) => Operation::new("GET", &[&"tenants", tenant, &"installs", install, &"executions"]),
        None => Operation::new("GET", &[&"tenants", tenant, &"executions"]),
    };
    operation
        .query("after", query.after.as_ref())
        .query("limit", query.limit)
        .query("request", query.request.as_ref())
        .query("endpoint", query.endpoint.as_ref())
        .query("outcome", query.outcome.as_ref())
        .query("from_ms", query.from_ms)
        .query("to_ms", query.to_ms)
        .query("min_duration_us", query.min_duration_us)
        .query("max_duration_us", query.max_duration_us)
}
