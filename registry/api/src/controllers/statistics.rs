//! Sums of an install's executions.

use super::install_lookup::find;
use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_bundle::{DURATION_BOUNDS_US, ExecutionTotals};
use alga_errors::{Code, Problem};
use alga_registry_types::{DurationBucket, ExecutionStatistics, ExecutionSum, StatisticsQuery};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use std::time::SystemTime;

/// Span of time if none is asked for, in milliseconds.
const HOUR_MS: i64 = 60 * 60 * 1000;
/// Longest span, in milliseconds: a month and the one before. More may be stored.
const LONGEST_MS: i64 = 62 * 24 * HOUR_MS;

pub(crate) async fn show(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): Path<(String, String)>,
    query: Result<Query<StatisticsQuery>, QueryRejection>,
) -> Result<Json<ExecutionStatistics>, ApiError> {
    let Query(query) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
    let (from_ms, to_ms) = span(&query)?;
    let install = find(&dependencies, &tenant, &install).await?;
    let sums = dependencies
        .database
        .execution_sums(&install.tenant_id, &install.id, from_ms, to_ms)
        .await?;
    let sums = sums.into_iter().map(|sum| body(sum.endpoint, sum.outcome, &sum.totals));
    Ok(Json(ExecutionStatistics {
        from_ms,
        to_ms,
        sums: sums.collect(),
    }))
}

fn span(query: &StatisticsQuery) -> Result<(i64, i64), Problem> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let to_ms = query.to_ms.unwrap_or(now_ms);
    let from_ms = query.from_ms.unwrap_or(to_ms.saturating_sub(HOUR_MS));
    match to_ms.checked_sub(from_ms) {
        Some(1..=LONGEST_MS) => Ok((from_ms, to_ms)),
        _ => Err(Problem::new(
            Code::BadRequest,
            "from_ms is before to_ms, by 62 days at most",
        )),
    }
}

fn body(endpoint: Option<String>, outcome: String, totals: &ExecutionTotals) -> ExecutionSum {
    let bounds = DURATION_BOUNDS_US.into_iter().map(Some).chain([None]);
    let durations = bounds.zip(totals.durations);
    ExecutionSum {
        endpoint,
        outcome,
        executions: totals.executions,
        cold: totals.cold,
        duration_us: totals.duration_us,
        p50_us: totals.duration_quantile_us(500),
        p95_us: totals.duration_quantile_us(950),
        p99_us: totals.duration_quantile_us(990),
        durations: durations
            .map(|(at_most_us, executions)| DurationBucket { at_most_us, executions })
            .collect(),
        cpu_us: totals.cpu_us,
        guest_cpu_us: totals.guest_cpu_us,
        queued_us: totals.queued_us,
        memory_peak_bytes: totals.memory_peak_bytes,
        memory_kib_ms: totals.memory_kib_ms,
        host_calls: totals.host_calls,
        request_bytes: totals.request_bytes,
        response_bytes: totals.response_bytes,
        egress_bytes: totals.egress_bytes,
        ingress_bytes: totals.ingress_bytes,
    }
}
