//! Sums of an install's executions.

use crate::Operation;
use alga_bundle::TenantId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The span of time of which sums are read. Minutes that begin in it count.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatisticsQuery {
    /// Beginning of the span, in milliseconds since 1970; an hour before its end if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// End of the span, which is not in it; now if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<i64>,
}

/// Sums of all executions of an install in a span of time, whether or not they have a record.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionStatistics {
    /// Beginning of the span, in milliseconds since 1970.
    pub from_ms: i64,
    /// End of the span.
    pub to_ms: i64,
    /// Sums by endpoint and outcome.
    pub sums: Vec<ExecutionSum>,
}

/// Sums of the executions at one endpoint with one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionSum {
    /// Method and path of the manifest, such as `GET /agreements/:id`; null if the request matched
    /// none, or failed before that was known.
    pub endpoint: Option<String>,
    /// `2xx` to `5xx` by the extension's status, or the code of the error.
    pub outcome: String,
    /// Number of executions.
    pub executions: u64,
    /// Number of those whose component had to be loaded first.
    pub cold: u64,
    /// Time from arrival to response, in microseconds.
    pub duration_us: u64,
    /// Upper bound of the duration of half of them, in microseconds; null above 30 s.
    pub p50_us: Option<u64>,
    /// The same of 95 %.
    pub p95_us: Option<u64>,
    /// The same of 99 %.
    pub p99_us: Option<u64>,
    /// Buckets of durations; the last one has no upper bound.
    pub durations: Vec<DurationBucket>,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Part of `cpu_us` of the guests' own code; the rest is the host's.
    pub guest_cpu_us: u64,
    /// Time of waiting to start and for run slots, in microseconds.
    pub queued_us: u64,
    /// Highest peak of memory in bytes.
    pub memory_peak_bytes: u64,
    /// Peak memory times duration, in KiB times milliseconds.
    pub memory_kib_ms: u64,
    /// Number of calls to the host.
    pub host_calls: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
}

/// Executions whose duration is above the bound before and at most this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DurationBucket {
    /// Upper bound in microseconds.
    pub at_most_us: Option<u64>,
    /// Number of executions.
    pub executions: u64,
}

/// Returns the sums of an install, which is named by install id, extension id or extension name.
#[must_use]
pub fn statistics(tenant: &TenantId, install: &str, query: &StatisticsQuery) -> Operation<ExecutionStatistics> {
    Operation::new("GET", &[&"tenants", tenant, &"installs", &install, &"statistics"])
        .query("from_ms", query.from_ms)
        .query("to_ms", query.to_ms)
}
