//! Formatting of the sums of executions for a terminal.

use alga_registry_types::{ExecutionStatistics, ExecutionSum};

/// Formats the sums: a line for each endpoint and outcome.
pub(super) fn table(statistics: &ExecutionStatistics) -> String {
    if statistics.sums.is_empty() {
        return "no execution ended in this time".to_owned();
    }
    let head = format!(
        "{:>10} {:>9} {:>9} {:>9} {:>10} {:>10}  endpoint",
        "executions", "p50 ms", "p95 ms", "p99 ms", "guest ms", "host ms"
    );
    let lines = statistics.sums.iter().map(line);
    [head].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn line(sum: &ExecutionSum) -> String {
    let at_most =
        |bound: Option<u64>| bound.map_or_else(|| "> 30000".to_owned(), |us| format!("≤ {}", milliseconds(us)));
    let host_us = sum.cpu_us.saturating_sub(sum.guest_cpu_us);
    format!(
        "{:>10} {:>9} {:>9} {:>9} {:>10} {:>10}  {} {}",
        sum.executions,
        at_most(sum.p50_us),
        at_most(sum.p95_us),
        at_most(sum.p99_us),
        milliseconds(sum.guest_cpu_us),
        milliseconds(host_us),
        sum.outcome,
        sum.endpoint.as_deref().unwrap_or("-"),
    )
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{}", microseconds / 1000, microseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sums_are_a_table_with_one_line_for_each_endpoint_and_outcome() {
        let sum = json!({
            "endpoint": "GET /a", "outcome": "2xx", "executions": 12, "cold": 1, "duration_us": 1, "p50_us": 500, "p95_us": 2000, "p99_us": null,
            "durations": [], "cpu_us": 12_345, "guest_cpu_us": 2_000, "queued_us": 0, "memory_peak_bytes": 0, "memory_kib_ms": 0,
            "host_calls": 0, "request_bytes": 0, "response_bytes": 0, "egress_bytes": 0, "ingress_bytes": 0,
        });
        let statistics = json!({ "from_ms": 0, "to_ms": 1, "sums": [sum] });
        let text = table(&serde_json::from_value(statistics).unwrap());
        let (head, line) = text.split_once('\n').unwrap();
        assert_eq!(head.find("endpoint").unwrap(), 64);
        assert!(
            line.ends_with("≤ 0.5     ≤ 2.0   > 30000        2.0       10.3  2xx GET /a"),
            "{line}"
        );
    }
}
