//! Formatting of execution logs for a terminal. A guest's text is untrusted: it must not move the
//! cursor or look like a line of the host.

use crate::escape::escape_line;
use serde_json::Value;

/// Formats executions, newest first.
pub(super) fn all(executions: &[Value]) -> String {
    if executions.is_empty() {
        return "no execution of the last week wrote log records or failed".to_owned();
    }
    executions.iter().map(render).collect::<Vec<_>>().join("\n")
}

/// Formats one execution: a line about it, then one for each record.
fn render(execution: &Value) -> String {
    let text = |pointer: &str| execution.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let number = |pointer: &str| execution.pointer(pointer).and_then(Value::as_i64);
    let came = number("/status").map_or_else(|| text("/code").to_owned(), |status| status.to_string());
    let milliseconds = number("/duration_us").unwrap_or_default() / 1000;
    let at = number("/ended_at_ms").and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    let at = at.map(|at| at.to_string()).unwrap_or_default();
    let mut lines = vec![format!("{at} {} {came} in {milliseconds} ms", text("/request_id"))];
    let records = execution.pointer("/log").and_then(Value::as_array);
    lines.extend(records.into_iter().flatten().map(record));
    match number("/log_dropped") {
        None | Some(0) => {}
        Some(dropped) => lines.push(format!("  … and {dropped} more records that were dropped")),
    }
    lines.join("\n")
}

fn record(record: &Value) -> String {
    let text = |pointer: &str| escape_line(record.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    let fields = record.pointer("/fields").and_then(Value::as_array);
    let fields = fields.into_iter().flatten().map(|field| {
        let part = |index: usize| escape_line(field.get(index).and_then(Value::as_str).unwrap_or_default());
        format!(" {}={}", part(0), part(1))
    });
    let cut = if record.pointer("/is_cut") == Some(&Value::Bool(true)) {
        " …"
    } else {
        ""
    };
    // The source always comes first: a guest's text must not look like the host's.
    let (source, level) = (text("/source"), text("/level"));
    format!(
        "  {source:<6} {level:<5} {}{}{cut}",
        text("/message"),
        fields.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn log_records_are_printed_on_one_line_with_control_characters_escaped() {
        let execution = json!({
            "request_id": "r-1", "status": 200, "ended_at_ms": 0, "duration_us": 2500, "log_dropped": 3,
            "log": [{ "source": "log", "level": "info", "message": "a\n\u{1b}[2Jb", "fields": [["k", "v\r"]], "is_cut": true },
                    { "source": "stdout", "level": "info", "message": "\u{202e}hello", "fields": [], "is_cut": false }],
        });
        let expected = "1970-01-01T00:00:00Z r-1 200 in 2 ms\n  log    info  a\\n\\u{1b}[2Jb k=v\\r …\n  stdout info  \\u{202e}hello\n  … and 3 more records that were dropped";
        assert_eq!(render(&execution), expected);
    }
}
