use crate::attributes::{Attributes, Describe, beginning};
use crate::trace::{EndedSpan, Trace};
use http::{HeaderName, HeaderValue, Method};
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The field that names a span to the receiver of a request (W3C Trace Context, 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Maximum bytes of a name.
const NAME_BYTES: usize = 128;
/// Value of a method that is none of HTTP's own: clients and guests may send any text of any
/// length.
const OTHER_METHOD: &str = "_OTHER";

/// Returns a method as spans name it (OpenTelemetry's semantic conventions for HTTP).
#[must_use]
pub fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or(OTHER_METHOD)
}

/// Returns the beginning of a name that is too long.
fn bounded(name: Cow<'static, str>) -> Cow<'static, str> {
    if name.len() <= NAME_BYTES {
        return name;
    }
    let end = name.floor_char_boundary(NAME_BYTES);
    name.get(..end).unwrap_or_default().to_owned().into()
}

/// A span in progress, which ends when it is dropped.
pub struct Span {
    trace: Arc<Trace>,
    id: SpanId,
    parent: SpanId,
    name: Cow<'static, str>,
    kind: SpanKind,
    began: Instant,
    attributes: Attributes,
    describe: Option<Describe>,
    status: Status,
}

impl Span {
    /// Begins the first span of a trace in this process.
    pub(crate) fn first(trace: Arc<Trace>, name: Cow<'static, str>) -> Self {
        let parent = trace.first_parent();
        Self::begin(trace, parent, name, SpanKind::Server)
    }

    fn begin(trace: Arc<Trace>, parent: SpanId, name: Cow<'static, str>, kind: SpanKind) -> Self {
        Self {
            trace,
            id: RandomIdGenerator::default().new_span_id(),
            parent,
            name: bounded(name),
            kind,
            began: Instant::now(),
            attributes: Attributes::default(),
            describe: None,
            status: Status::Unset,
        }
    }

    /// Moves the begin of the span to an earlier moment.
    #[must_use]
    pub fn since(mut self, began: Instant) -> Self {
        self.began = began;
        self
    }

    /// Replaces the name.
    pub fn rename(&mut self, name: String) {
        self.name = bounded(name.into());
    }

    /// Sets an attribute to a number or a fixed text.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.set(name, value);
    }

    /// Sets an attribute to a text, of which at most 256 bytes are recorded.
    pub fn set_text(&mut self, name: &'static str, text: &str) {
        self.attributes.set_text(name, text);
    }

    /// Sets attributes if the trace is exported: of most traces, no text is written.
    pub fn describe(&mut self, describe: impl FnOnce(&mut Attributes) + Send + Sync + 'static) {
        self.describe = Some(Box::new(describe));
    }

    /// Counts the trace as one of this tenant. Its traces have a share of those that are exported
    /// although they are no samples.
    pub fn set_tenant(&self, tenant: &str) {
        self.trace.set_tenant(tenant);
    }

    /// Marks the span as failed, with a description by an extension, of which at most 256 bytes are
    /// recorded.
    pub fn fail_in_extension(&mut self, description: &str) {
        self.status = Status::error(beginning(description).to_owned());
        self.set("error.type", "extension");
    }

    /// Marks the span as failed, with the kind of the error: a stable code or a status.
    pub fn fail(&mut self, kind: impl Into<Cow<'static, str>>) {
        let kind = kind.into();
        self.status = Status::error(kind.clone());
        let value = match kind {
            Cow::Borrowed(fixed) => Value::from(fixed),
            Cow::Owned(text) => Value::from(text),
        };
        self.set("error.type", value);
    }

    /// Exports the trace, although it may be neither a sample nor slow.
    pub fn export(&self) {
        self.trace.fail();
    }

    /// Returns the place of this span, under which others begin.
    #[must_use]
    pub fn place(&self) -> ParentSpan {
        ParentSpan {
            trace: Arc::clone(&self.trace),
            id: self.id,
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.trace.push(EndedSpan {
            id: self.id,
            parent: self.parent,
            name: mem::take(&mut self.name),
            kind: self.kind.clone(),
            began: self.began,
            ended: Instant::now(),
            attributes: mem::take(&mut self.attributes).into_list(),
            describe: self.describe.take(),
            status: mem::take(&mut self.status),
        });
    }
}

/// The place of a span in its trace. The trace is complete when no span is in progress and no place
/// in it is known any more.
#[derive(Clone)]
pub struct ParentSpan {
    trace: Arc<Trace>,
    id: SpanId,
}

impl ParentSpan {
    /// Begins a span under this one.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
        Span::begin(Arc::clone(&self.trace), self.id, name.into(), kind)
    }

    /// Sets an attribute of the span that has this place, while it is in progress. At most 256
    /// bytes of the value are recorded.
    pub fn annotate(&self, name: String, value: &str) {
        let note = KeyValue::new(name, beginning(value).to_owned());
        self.trace.note(self.id, note);
    }

    /// Counts a span that is left out.
    pub fn leave_out(&self) {
        self.trace.leave_out();
    }

    /// Counts the trace as one of this tenant: see [`Span::set_tenant`].
    pub fn set_tenant(&self, tenant: &str) {
        self.trace.set_tenant(tenant);
    }

    /// Follows the decision of the process that sent the request, whether the trace is a sample.
    /// Called when that is known to be one of the platform: others could have everything exported.
    pub fn trust_remote(&self) {
        self.trace.trust_remote();
    }

    /// Returns the value of [`TRACEPARENT`] for a request that this span causes.
    #[must_use]
    pub fn traceparent(&self) -> HeaderValue {
        let flags = u8::from(self.trace.is_sampled());
        let value = format!("00-{}-{}-{flags:02x}", self.trace.id, self.id);
        HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The place of the innermost span in progress of one execution: what works for it begins its
/// spans there.
#[derive(Debug, Clone)]
pub struct InnermostSpan(Arc<Mutex<Places>>);

#[derive(Debug)]
struct Places {
    /// Of the extension: the execution's own span, or one that the extension has begun.
    extension: ParentSpan,
    /// Of the call of the host in progress.
    call: Option<ParentSpan>,
}

impl InnermostSpan {
    /// Creates it for an execution whose own span has this place.
    #[must_use]
    pub fn new(execution: ParentSpan) -> Self {
        Self(Arc::new(Mutex::new(Places {
            extension: execution,
            call: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        // Nothing that holds the lock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the place of the innermost span of the extension.
    #[must_use]
    pub fn place(&self) -> ParentSpan {
        self.lock().extension.clone()
    }

    /// Returns the place of the call of the host in progress, or else of the extension's span.
    #[must_use]
    pub fn place_of_call(&self) -> ParentSpan {
        let places = self.lock();
        places.call.as_ref().unwrap_or(&places.extension).clone()
    }

    /// Replaces the place of the extension: another span has begun, or that one has ended.
    pub fn set(&self, place: ParentSpan) {
        self.lock().extension = place;
    }

    /// Replaces the place of the call of the host in progress.
    pub fn set_call(&self, place: Option<ParentSpan>) {
        self.lock().call = place;
    }
}

impl fmt::Debug for ParentSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "span {} of trace {}", self.id, self.trace.id)
    }
}
