use crate::Usage;
use alga_capabilities::{LogRecord, Source};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde::ser::Serializer;
use std::time::{Duration, SystemTime};

/// Bytes of an event beside its texts.
const EVENT_BYTES: usize = 256;

/// Something that an execution did. As JSON an object with `at_ms` (of the Unix epoch), `after_us`
/// (since the execution began), `request`, `extension`, `install`, and what depends on its name.
#[derive(Debug)]
pub struct LiveEvent {
    request: String,
    extension: String,
    install: String,
    at_ms: u64,
    after_us: u64,
    kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Record(LogRecord),
    Call(&'static str),
    Outcome {
        outcome: &'static str,
        status: Option<u16>,
        usage: Box<Usage>,
    },
}

/// Events that a reader follows; all of the tenant by default.
#[derive(Debug, Clone, Default)]
pub struct LiveFilter {
    /// Id of an install.
    pub install: Option<String>,
    /// Id of a request.
    pub request: Option<String>,
    /// Name of the events.
    pub event: Option<String>,
}

impl LiveFilter {
    /// True for such an event.
    #[must_use]
    pub fn admits(&self, event: &LiveEvent) -> bool {
        let fits = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        fits(&self.install, &event.install) && fits(&self.request, &event.request) && fits(&self.event, event.name())
    }
}

impl LiveEvent {
    pub(super) fn new([request, extension, install]: [&str; 3], after: Duration, kind: Kind) -> Self {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            request: request.to_owned(),
            extension: extension.to_owned(),
            install: install.to_owned(),
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            after_us: u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
            kind,
        }
    }

    /// Returns the name of the event: `stdout`, `stderr`, `log` or `host` for a record, by its
    /// writer; `call` for a call of a capability; `outcome` for the end of an execution.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Record(record) => match record.source {
                Source::Stdout => "stdout",
                Source::Stderr => "stderr",
                Source::Log => "log",
                Source::Host => "host",
            },
            Kind::Call(_) => "call",
            Kind::Outcome { .. } => "outcome",
        }
    }

    /// Returns about the bytes that the event uses.
    pub(super) fn bytes(&self) -> usize {
        let text = match &self.kind {
            Kind::Record(record) => {
                let fields = record.fields.iter().map(|(name, value)| name.len() + value.len());
                record.message.len() + fields.sum::<usize>()
            }
            Kind::Call(_) => 0,
            Kind::Outcome { .. } => size_of::<Usage>(),
        };
        EVENT_BYTES + text
    }
}

impl Serialize for LiveEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at_ms", &self.at_ms)?;
        map.serialize_entry("after_us", &self.after_us)?;
        map.serialize_entry("request", &self.request)?;
        map.serialize_entry("extension", &self.extension)?;
        map.serialize_entry("install", &self.install)?;
        match &self.kind {
            Kind::Record(record) => {
                map.serialize_entry("level", &record.level)?;
                map.serialize_entry("message", &record.message)?;
                let fields: std::collections::BTreeMap<_, _> = record.fields.iter().map(|(k, v)| (k, v)).collect();
                map.serialize_entry("fields", &fields)?;
                map.serialize_entry("is_cut", &record.is_truncated)?;
            }
            Kind::Call(interface) => map.serialize_entry("interface", interface)?,
            Kind::Outcome { outcome, status, usage } => {
                map.serialize_entry("outcome", outcome)?;
                map.serialize_entry("status", status)?;
                map.serialize_entry("usage", usage)?;
            }
        }
        map.end()
    }
}
