use crate::batch::{Counters, Entrance, Exit, Measured, Sink, Waiting, queue};
use crate::collector::{CollectorSettings, ExportError, logs};
use alga_metrics::{Families, Source};
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// Lines that wait for the collector at most; those of extensions may have some ten kilobytes each.
const WAITING: Waiting = Waiting {
    items: 8_192,
    bytes: 8 * 1024 * 1024,
};
/// The same for lines of extensions alone: however much they write, there is place for what the
/// platform reports.
const WAITING_OF_EXTENSIONS: Waiting = Waiting {
    items: WAITING.items / 2,
    bytes: WAITING.bytes / 2,
};
/// Members of a line that are no attributes of the record: they have places of their own.
const PLACED: [&str; 5] = ["timestamp", "level", "message", "span", "spans"];
/// Name of the record's source.
const SCOPE: &str = "alga";

/// The entrance of the queue of lines. Lines that do not fit are lost and counted.
#[derive(Clone)]
pub struct LogQueue(Arc<Entrance<Line>>);

/// The exit of the queue, from which lines are sent once there is a runtime.
pub struct LogLines(Exit<Line>);

/// A line in its form as JSON.
struct Line(Vec<u8>);

impl Measured for Line {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl LogQueue {
    /// Creates a queue.
    #[must_use]
    pub fn new() -> (Self, LogLines) {
        let (lines, exit) = queue(WAITING);
        (Self(Arc::new(lines)), LogLines(exit))
    }

    /// Adds a line of the log in its form as JSON.
    pub fn push(&self, json: &[u8]) {
        self.0.push(vec![Line(json.to_vec())]);
    }

    /// Adds a line of an extension, which may not fill the whole queue.
    pub fn push_of_extension(&self, json: &[u8]) {
        self.0.push_within(WAITING_OF_EXTENSIONS, vec![Line(json.to_vec())]);
    }

    /// Waits until what is queued was sent, or refused by the collector, for this time at most.
    pub async fn flush(&self, longest: Duration) {
        self.0.flush(longest).await;
    }

    fn counters(&self) -> &Counters {
        &self.0.counters
    }
}

impl Source for LogQueue {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = self.counters();
        let results = [
            ([("result", "exported")], counters.exported.load(Ordering::Relaxed)),
            ([("result", "lost")], counters.lost.load(Ordering::Relaxed)),
        ];
        families.counters(
            "alga_log_records",
            "Lines of the log that were exported to a collector, and those that could not be",
            results,
        )
    }
}

/// The export of the log's lines.
pub struct Logs;

impl Logs {
    /// Starts to send lines. Called within a Tokio runtime.
    ///
    /// # Errors
    /// Returns [`ExportError`] if the settings are not valid. Whether a collector listens is seen
    /// later.
    pub fn start(settings: &CollectorSettings, lines: LogLines) -> Result<(), ExportError> {
        let sink = Collector {
            exporter: logs(settings)?,
            records: SdkLoggerProvider::builder().build().logger(SCOPE),
            scope: InstrumentationScope::builder(SCOPE).build(),
        };
        tokio::spawn(lines.0.send_to(sink, "log records"));
        Ok(())
    }
}

struct Collector {
    exporter: LogExporter,
    /// Creates records; it exports none.
    records: SdkLogger,
    scope: InstrumentationScope,
}

impl Sink for Collector {
    type Item = Line;

    async fn send(&mut self, batch: Vec<Line>) -> Result<(), String> {
        let records = batch.iter().filter_map(|line| self.record(&line.0));
        let records: Vec<_> = records.collect();
        let records: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
        let sent = self.exporter.export(LogBatch::new(&records)).await;
        sent.map_err(|error| error.to_string())
    }
}

impl Collector {
    /// Converts a line of the log, which is one JSON object.
    fn record(&self, json: &[u8]) -> Option<SdkLogRecord> {
        let line: Map<String, Value> = serde_json::from_slice(json).ok()?;
        let mut record = self.records.create_log_record();
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let at = text("timestamp").and_then(|text| text.parse::<jiff::Timestamp>().ok());
        record.set_timestamp(at.map_or_else(SystemTime::now, SystemTime::from));
        record.set_observed_timestamp(SystemTime::now());
        let (severity, name) = severity(text("level").unwrap_or_default());
        record.set_severity_number(severity);
        record.set_severity_text(name);
        if let Some(message) = text("message") {
            record.set_body(AnyValue::from(message.to_owned()));
        }
        let own = line.iter().filter(|(name, _)| !PLACED.contains(&name.as_str()));
        // From the outermost span to the innermost: an execution within a request.
        let spans = line.get("spans").and_then(Value::as_array).into_iter().flatten();
        let of_spans = spans.filter_map(Value::as_object).flatten();
        let of_spans = of_spans.filter(|(name, _)| name.as_str() != "name" && !line.contains_key(*name));
        let mut attributes: Map<String, Value> = Map::new();
        attributes.extend(of_spans.chain(own).map(|(name, value)| (name.clone(), value.clone())));
        for (name, value) in attributes {
            record.add_attribute(name, any_value(value));
        }
        Some(record)
    }
}

fn severity(level: &str) -> (Severity, &'static str) {
    match level {
        "ERROR" => (Severity::Error, "ERROR"),
        "WARN" => (Severity::Warn, "WARN"),
        "DEBUG" => (Severity::Debug, "DEBUG"),
        "TRACE" => (Severity::Trace, "TRACE"),
        _ => (Severity::Info, "INFO"),
    }
}

fn any_value(value: Value) -> AnyValue {
    match value {
        Value::String(text) => AnyValue::from(text),
        Value::Bool(value) => AnyValue::from(value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => AnyValue::from(integer),
            None => AnyValue::from(number.as_f64().unwrap_or_default()),
        },
        other => AnyValue::from(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_beyond_the_queue_are_lost_and_counted_and_cost_bounded_memory() {
        let (queue, mut lines) = LogQueue::new();
        for _ in 0..20_000 {
            queue.push(&[b' '; 100]);
        }
        assert_eq!(
            queue.counters().lost.load(Ordering::Relaxed),
            20_000 - WAITING.items as u64
        );
        assert_eq!(lines.0.unsent().len(), WAITING.items);
        for _ in 0..2_000 {
            queue.push(&[b' '; 64 * 1024]);
        }
        assert_eq!(lines.0.unsent().len(), WAITING.bytes / (64 * 1024));
        queue.push(&[b' '; 64 * 1024]);
        assert_eq!(lines.0.unsent().len(), 1);
    }

    #[tokio::test]
    async fn a_flood_of_extensions_leaves_place_for_the_lines_of_the_platform() {
        for bytes in [100, 64 * 1024] {
            let (queue, mut lines) = LogQueue::new();
            for _ in 0..20_000 {
                queue.push_of_extension(&vec![b' '; bytes]);
            }
            let lost = queue.counters().lost.load(Ordering::Relaxed);
            for _ in 0..50 {
                queue.push(&vec![b' '; bytes]);
            }
            assert_eq!(queue.counters().lost.load(Ordering::Relaxed), lost, "{bytes}");
            assert_eq!(lines.0.unsent().len() as u64, 20_050 - lost, "{bytes}");
        }
    }

    #[tokio::test]
    async fn a_line_is_a_record_with_the_fields_of_its_spans_and_its_own_fields_come_first() {
        let settings = CollectorSettings {
            endpoint: "http://127.0.0.1:1".to_owned(),
            protocol: crate::Protocol::Http,
            role: "all",
        };
        let collector = Collector {
            exporter: logs(&settings).unwrap(),
            records: SdkLoggerProvider::builder().build().logger(SCOPE),
            scope: InstrumentationScope::builder(SCOPE).build(),
        };
        let line = r#"{"timestamp":"2026-11-28T10:00:00.5Z","level":"WARN","message":"a\nb","target":"alga::edge","tenant":"own","ratio":0.5,"count":7,"is":true,"span":{"name":"request"},"spans":[{"name":"request","request":"r-1","tenant":"outer"}]}"#;
        let record = collector.record(line.as_bytes()).unwrap();
        assert_eq!(record.severity_number(), Some(Severity::Warn));
        assert_eq!(record.body(), Some(&AnyValue::from("a\nb".to_owned())));
        let mut attributes: Vec<_> = record
            .attributes_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
            .collect();
        attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let expected = [
            ("count", AnyValue::from(7)),
            ("is", AnyValue::from(true)),
            ("ratio", AnyValue::from(0.5)),
            ("request", AnyValue::from("r-1".to_owned())),
            ("target", AnyValue::from("alga::edge".to_owned())),
            ("tenant", AnyValue::from("own".to_owned())),
        ];
        assert_eq!(attributes, expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(collector.record(b"no json").is_none());
    }
}
