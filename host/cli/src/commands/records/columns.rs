//! The columns of exported records: names, kinds and values, for CSV and Parquet alike.

use crate::escape::escape_json;
use alga_registry_types::{Execution, ExecutionUsage};
use serde::Serialize;

/// A column of an export.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// Kind of a column, with the function that reads its value from a record; `None` is an empty cell.
pub(super) enum Value {
    /// Text in UTF-8.
    Text(fn(&Execution) -> Option<String>),
    /// A signed number of 64 bits.
    Number(fn(&Execution) -> Option<i64>),
    /// A time in milliseconds since 1970.
    Time(fn(&Execution) -> i64),
    /// True or false.
    Flag(fn(&Execution) -> Option<bool>),
}

const fn text(name: &'static str, value: fn(&Execution) -> Option<String>) -> Column {
    Column {
        name,
        value: Value::Text(value),
    }
}

const fn number(name: &'static str, value: fn(&Execution) -> Option<i64>) -> Column {
    Column {
        name,
        value: Value::Number(value),
    }
}

/// Returns a number of the usage; an entry of an older program version has none.
fn used(execution: &Execution, number: fn(&ExecutionUsage) -> u64) -> Option<i64> {
    let usage = execution.usage.as_ref()?;
    Some(i64::try_from(number(usage)).unwrap_or(i64::MAX))
}

/// Returns a value as JSON that does not deceive a terminal.
fn json(value: &impl Serialize) -> Option<String> {
    let json = serde_json::to_string(value).ok()?;
    Some(escape_json(&json).into_owned())
}

/// All columns, in their order. Readers use names, so one is neither renamed nor removed.
pub(super) const COLUMNS: &[Column] = &[
    text("id", |it| Some(it.id.to_string())),
    Column {
        name: "ended_at",
        value: Value::Time(|it| it.ended_at_ms),
    },
    text("request_id", |it| Some(it.request_id.to_string())),
    text("install_id", |it| Some(it.install_id.to_string())),
    text("version_id", |it| it.version_id.as_ref().map(ToString::to_string)),
    text("content_hash", |it| Some(it.content_hash.to_string())),
    text("endpoint", |it| it.endpoint.clone()),
    number("status", |it| it.status),
    text("code", |it| it.code.clone()),
    number("duration_us", |it| Some(it.duration_us)),
    number("cpu_us", |it| used(it, |usage| usage.cpu_us)),
    number("guest_cpu_us", |it| used(it, |usage| usage.guest_cpu_us)),
    number("queued_us", |it| used(it, |usage| usage.queued_us)),
    number("memory_peak_bytes", |it| used(it, |usage| usage.memory_peak_bytes)),
    number("host_calls", |it| used(it, |usage| usage.host_calls)),
    number("request_bytes", |it| used(it, |usage| usage.request_bytes)),
    number("response_bytes", |it| used(it, |usage| usage.response_bytes)),
    number("egress_bytes", |it| used(it, |usage| usage.egress_bytes)),
    number("ingress_bytes", |it| used(it, |usage| usage.ingress_bytes)),
    number("fuel", |it| {
        let fuel = it.usage.as_ref()?.fuel?;
        Some(i64::try_from(fuel).unwrap_or(i64::MAX))
    }),
    Column {
        name: "cold",
        value: Value::Flag(|it| Some(it.usage.as_ref()?.cold)),
    },
    number("log_dropped", |it| Some(it.log_dropped)),
    text("host_calls_by", |it| json(&it.usage.as_ref()?.host_calls_by)),
    text("log", |it| json(&it.log)),
];

impl Value {
    /// Returns the value as the text of a CSV cell.
    pub(super) fn cell(&self, execution: &Execution) -> String {
        match self {
            Self::Text(value) => value(execution).unwrap_or_default(),
            Self::Number(value) => value(execution).map(|number| number.to_string()).unwrap_or_default(),
            Self::Flag(value) => value(execution).map(|flag| flag.to_string()).unwrap_or_default(),
            Self::Time(value) => jiff::Timestamp::from_millisecond(value(execution))
                .map(|time| format!("{time:.3}"))
                .unwrap_or_default(),
        }
    }
}
