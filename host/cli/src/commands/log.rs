//! Formatting of execution logs for a terminal. A guest's text is untrusted: it must not move the
//! cursor or look like a line of the host.

use crate::escape::escape_line;
use alga_registry_types::{Execution, LogRecord};

/// Formats executions, newest first.
pub(super) fn all(executions: &[Execution]) -> String {
    if executions.is_empty() {
        return "no execution is recorded".to_owned();
    }
    executions.iter().map(render).collect::<Vec<_>>().join("\n")
}

/// Formats one execution: a line about it, then one for each record.
fn render(execution: &Execution) -> String {
    let code = execution.code.clone().unwrap_or_default();
    let result = execution.status.map_or(code, |status| status.to_string());
    let milliseconds = execution.duration_us / 1000;
    let at = jiff::Timestamp::from_millisecond(execution.ended_at_ms).ok();
    let at = at.map(|at| at.to_string()).unwrap_or_default();
    let endpoint = execution
        .endpoint
        .as_deref()
        .map(|endpoint| format!(" {}", escape_line(endpoint)));
    let mut lines = vec![format!(
        "{at} {} {}{} {result} in {milliseconds} ms",
        execution.request_id,
        execution.install_id,
        endpoint.unwrap_or_default(),
    )];
    lines.extend(execution.log.iter().map(record));
    if execution.log_dropped > 0 {
        lines.push(format!(
            "  … and {} more records that were dropped",
            execution.log_dropped
        ));
    }
    lines.join("\n")
}

fn record(record: &LogRecord) -> String {
    let fields = record.fields.iter();
    let fields = fields.map(|(name, value)| format!(" {}={}", escape_line(name), escape_line(value)));
    let cut = if record.is_cut { " …" } else { "" };
    // The source always comes first: a guest's text must not look like the host's.
    let (source, level) = (escape_line(&record.source), escape_line(&record.level));
    format!(
        "  {source:<6} {level:<5} {}{}{cut}",
        escape_line(&record.message),
        fields.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn log_records_are_printed_on_one_line_with_control_characters_escaped() {
        let hash = format!("sha256:{}", "0".repeat(64));
        let execution = json!({
            "id": "e", "install_id": "i", "request_id": "r-1", "version_id": null, "content_hash": hash, "usage": null, "code": null, "status": 200, "endpoint": "GET /a", "ended_at_ms": 0, "duration_us": 2500, "log_dropped": 3,
            "log": [{ "source": "log", "level": "info", "message": "a\n\u{1b}[2Jb", "fields": [["k", "v\r"]], "is_cut": true },
                    { "source": "stdout", "level": "info", "message": "\u{202e}hello", "fields": [], "is_cut": false }],
        });
        let expected = "1970-01-01T00:00:00Z r-1 i GET /a 200 in 2 ms\n  log    info  a\\n\\u{1b}[2Jb k=v\\r …\n  stdout info  \\u{202e}hello\n  … and 3 more records that were dropped";
        assert_eq!(render(&serde_json::from_value(execution).unwrap()), expected);
    }
}
