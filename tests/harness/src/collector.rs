//! Real OpenTelemetry collector: Rotel, which prints what it receives.

use crate::target;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longest time for spans to arrive.
const LONGEST: Duration = Duration::from_secs(30);
/// Name of a span that is sent to find the end of what was received before it.
const LAST: &str = "last span";

/// A span as the collector received it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// Id of the trace, in hexadecimal.
    pub trace: String,
    /// Id of the span, in hexadecimal.
    pub id: String,
    /// Id of the parent; empty if it has none.
    pub parent: String,
    /// Name of the span.
    pub name: String,
    /// Kind of the span, such as `SERVER`.
    pub kind: String,
    /// Attributes of the span, such as `Int(200)`.
    pub attributes: BTreeMap<String, String>,
    /// Status of the span, if it has one.
    pub status: String,
}

/// A log record as the collector received it: its attributes, such as `Str(r-1)`, with its `Body`
/// and `SeverityText`.
pub type ReceivedRecord = BTreeMap<String, String>;

type Lines = Arc<(Mutex<Vec<String>>, Condvar)>;

/// Collector; it stops when this value is dropped.
pub struct Collector {
    child: Child,
    http: String,
    grpc: String,
    lines: Lines,
}

impl Collector {
    /// Starts the collector on free ports of loopback.
    #[must_use]
    pub fn start() -> Self {
        let [http, grpc] = [(), ()].map(|()| free_address());
        let mut child = Command::new(program())
            .args(["start", "--debug-log", "traces", "--debug-log", "logs"])
            .args(["--debug-log-verbosity", "detailed"])
            .args(["--exporter", "blackhole", "--batch-timeout", "100ms"])
            .args(["--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = Lines::default();
        let output = child.stdout.take().unwrap();
        let written = Arc::clone(&lines);
        std::thread::spawn(move || copy(output, &written));
        let collector = Self {
            child,
            http: format!("http://{http}"),
            grpc: format!("http://{grpc}"),
            lines,
        };
        collector.wait_for(|lines| lines.iter().any(|line| line.contains("Starting Rotel")));
        wait_until_it_listens(&[&http, &grpc]);
        collector
    }

    /// URL for OTLP over HTTP.
    #[must_use]
    pub fn http(&self) -> &str {
        &self.http
    }

    /// URL for OTLP over gRPC.
    #[must_use]
    pub fn grpc(&self) -> &str {
        &self.grpc
    }

    /// Returns the spans that the collector has received, as soon as there are this many.
    #[must_use]
    pub fn spans(&self, number: usize) -> Vec<ReceivedSpan> {
        self.spans_when(|spans| spans.len() >= number)
    }

    /// Returns the received spans of a trace, as soon as there are this many.
    #[must_use]
    pub fn spans_of(&self, trace: &str, number: usize) -> Vec<ReceivedSpan> {
        let of_trace = |spans: &[ReceivedSpan]| {
            let of_trace = spans.iter().filter(|span| span.trace == trace);
            of_trace.cloned().collect::<Vec<_>>()
        };
        of_trace(&self.spans_when(|spans| of_trace(spans).len() >= number))
    }

    /// Returns all spans as soon as they are as they should be.
    #[must_use]
    pub fn spans_when(&self, are_there: impl Fn(&[ReceivedSpan]) -> bool) -> Vec<ReceivedSpan> {
        let begun = self.wait_for(|lines| are_there(&read(lines))).len();
        // What was begun has been written when a later span is.
        self.send_last_span();
        let lines = self.wait_for(|lines| lines.iter().skip(begun).any(|line| line.ends_with(LAST)));
        let spans = read(&lines).into_iter();
        spans.filter(|span| span.name != LAST).collect()
    }

    /// Returns the log records as soon as they are as they should be.
    #[must_use]
    pub fn records_when(&self, are_there: impl Fn(&[ReceivedRecord]) -> bool) -> Vec<ReceivedRecord> {
        records(&self.wait_for(|lines| are_there(&records(lines))))
    }

    fn send_last_span(&self) {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{:032}","spanId":"{:016}","name":"{LAST}"}}]}}]}}]}}"#,
            1, 1
        );
        let address = self.http.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            connection,
            "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .unwrap();
        connection.read_to_end(&mut Vec::new()).unwrap();
    }

    fn wait_for(&self, is_there: impl Fn(&[String]) -> bool) -> Vec<String> {
        let (lines, changed) = &*self.lines;
        let waiting = changed.wait_timeout_while(lines.lock().unwrap(), LONGEST, |lines| !is_there(lines));
        let (lines, timeout) = waiting.unwrap();
        assert!(!timeout.timed_out(), "the collector wrote: {lines:#?}");
        lines.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn program() -> PathBuf {
    let packages = fs::read_dir(target().join("python/lib"))
        .into_iter()
        .flatten()
        .flatten();
    let mut programs = packages.map(|python| python.path().join("site-packages/rotel/rotel-agent"));
    programs
        .find(|program| program.is_file())
        .expect("the collector is installed; `cargo xtask test` does that")
}

/// Returns an address whose port was free a moment ago: the collector does not report the ports
/// that it chooses.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn wait_until_it_listens(addresses: &[&str]) {
    let until = std::time::Instant::now() + LONGEST;
    for address in addresses {
        while TcpStream::connect(address).is_err() {
            assert!(std::time::Instant::now() < until, "the collector does not listen");
            std::thread::yield_now();
        }
    }
}

fn copy(output: impl Read, written: &Lines) {
    let (lines, changed) = &**written;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        lines.lock().unwrap().push(line);
        changed.notify_all();
    }
}

fn read(lines: &[String]) -> Vec<ReceivedSpan> {
    let mut spans: Vec<ReceivedSpan> = Vec::new();
    let mut is_in_span = false;
    for line in lines {
        if line.starts_with("ResourceSpans") {
            is_in_span = false;
        }
        if line.starts_with("Span #") {
            is_in_span = true;
            spans.push(ReceivedSpan::default());
        }
        let (Some(span), Some((name, value))) = (spans.last_mut(), line.split_once(':')) else {
            continue;
        };
        if !is_in_span {
            continue;
        }
        let value = value.trim().to_owned();
        match name.trim() {
            "Trace ID" => span.trace = value,
            "ID" => span.id = value,
            "Parent ID" => span.parent = value,
            "Name" => span.name = value,
            "Kind" => span.kind = value.trim_start_matches("SPAN_KIND_").to_owned(),
            "Status code" => span.status = value,
            attribute => {
                if let Some(name) = attribute.strip_prefix("-> ") {
                    span.attributes.insert(name.to_owned(), value);
                }
            }
        }
    }
    spans
}

/// Reads the log records that were written completely.
fn records(lines: &[String]) -> Vec<ReceivedRecord> {
    let mut records = Vec::new();
    let mut record: Option<ReceivedRecord> = None;
    for line in lines {
        if line.starts_with("LogRecord #") {
            record = Some(ReceivedRecord::new());
        }
        let Some(fields) = &mut record else { continue };
        if let Some((name, value)) = line.split_once(": ") {
            let name = name.trim().trim_start_matches("-> ");
            fields.insert(name.to_owned(), value.to_owned());
        }
        if line.starts_with("Flags: ") {
            records.extend(record.take());
        }
    }
    records
}
