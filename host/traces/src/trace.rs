use crate::Traces;
use crate::attributes::{Attributes, Describe};
use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceState};
use opentelemetry::{Context, InstrumentationScope, KeyValue, TraceId};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData};
use std::borrow::Cow;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Maximum number of spans of a trace in one process, beside the first one; further ones are
/// counted in an attribute of the last one. An execution has at most 128 for calls of the host, 64
/// of its own and 64 for requests to other hosts, so that there is place for those of the platform.
const SPANS: usize = 288;

/// The name that all spans of the platform have as their instrumentation.
static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| InstrumentationScope::builder("alga").build());

/// One trace in this process: shared by its spans, and finished by the last one.
pub(crate) struct Trace {
    traces: Traces,
    pub(crate) id: TraceId,
    /// The span of another process that caused this part of the trace.
    remote: SpanContext,
    is_sampled: AtomicBool,
    has_failed: AtomicBool,
    /// Part of the tenants to which the trace belongs, once it is known.
    part: OnceLock<usize>,
    began: (Instant, SystemTime),
    spans: Mutex<Recorded>,
}

#[derive(Default)]
struct Recorded {
    spans: Vec<EndedSpan>,
    left_out: u32,
    /// Attributes of spans that have not ended.
    notes: Vec<(SpanId, KeyValue)>,
}

/// A span that has ended.
pub(crate) struct EndedSpan {
    pub(crate) id: SpanId,
    pub(crate) parent: SpanId,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) describe: Option<Describe>,
    pub(crate) status: Status,
}

impl Trace {
    pub(crate) fn begin(traces: &Traces, headers: &HeaderMap) -> Arc<Self> {
        let remote = remote_span(headers);
        let id = if remote.is_valid() {
            remote.trace_id()
        } else {
            RandomIdGenerator::default().new_trace_id()
        };
        Arc::new(Self {
            traces: traces.clone(),
            id,
            remote,
            is_sampled: AtomicBool::new(traces.sampling.chooses()),
            has_failed: AtomicBool::new(false),
            part: OnceLock::new(),
            began: (Instant::now(), SystemTime::now()),
            spans: Mutex::default(),
        })
    }

    /// Returns the parent of the first span; one that is not valid if it has none.
    pub(crate) fn first_parent(&self) -> SpanId {
        match self.remote.is_valid() {
            true => self.remote.span_id(),
            false => SpanId::INVALID,
        }
    }

    /// Samples the trace if and only if the other process does.
    pub(crate) fn trust_remote(&self) {
        if self.remote.is_valid() {
            self.is_sampled.store(self.remote.is_sampled(), Ordering::Relaxed);
        }
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.is_sampled.load(Ordering::Relaxed)
    }

    /// Exports the trace because something in it has failed.
    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Counts a span that is left out.
    pub(crate) fn leave_out(&self) {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).left_out += 1;
    }

    /// Counts the trace as one of this tenant.
    pub(crate) fn set_tenant(&self, tenant: &str) {
        self.part.get_or_init(|| self.traces.queue.part_of(tenant));
    }

    /// Sets an attribute of a span that has not ended.
    pub(crate) fn note(&self, span: SpanId, attribute: KeyValue) {
        let mut recorded = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        recorded
            .notes
            .retain(|(of, other)| !(*of == span && other.key == attribute.key));
        recorded.notes.push((span, attribute));
    }

    pub(crate) fn push(&self, mut span: EndedSpan) {
        let mut recorded = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let own = recorded.notes.extract_if(.., |(of, _)| *of == span.id);
        span.attributes.extend(own.map(|(_, attribute)| attribute));
        // The first span, which ends last, is recorded in any case.
        if recorded.spans.len() < SPANS || span.kind == SpanKind::Server {
            recorded.spans.push(span);
        } else {
            recorded.left_out += 1;
        }
    }

    fn exported(&self, mut span: EndedSpan) -> SpanData {
        if let Some(describe) = span.describe.take() {
            let mut attributes = Attributes::default();
            describe(&mut attributes);
            span.attributes.extend(attributes.into_list());
        }
        let at = |moment: Instant| self.began.1 + moment.saturating_duration_since(self.began.0);
        let flags = TraceFlags::default().with_sampled(true);
        SpanData {
            span_context: SpanContext::new(self.id, span.id, flags, false, TraceState::default()),
            parent_span_id: span.parent,
            parent_span_is_remote: self.remote.is_valid() && span.parent == self.remote.span_id(),
            span_kind: span.kind,
            name: span.name,
            start_time: at(span.began),
            end_time: at(span.ended),
            attributes: span.attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: span.status,
            instrumentation_scope: SCOPE.clone(),
        }
    }
}

/// Decides about the export when the last span has ended.
impl Drop for Trace {
    fn drop(&mut self) {
        let recorded = mem::take(self.spans.get_mut().unwrap_or_else(PoisonError::into_inner));
        let is_slow = || self.traces.sampling.is_slow(duration(&recorded.spans));
        if !self.is_sampled() {
            if !(self.has_failed.load(Ordering::Relaxed) || is_slow()) {
                return;
            }
            if !self.traces.queue.admits_another(self.part.get().copied()) {
                return self.traces.queue.suppress(recorded.spans.len());
            }
        }
        let left_out = recorded.left_out;
        let mut spans: Vec<_> = recorded.spans.into_iter().map(|span| self.exported(span)).collect();
        if let Some(last) = spans.last_mut().filter(|_| left_out > 0) {
            let number = i64::from(left_out);
            last.attributes.push(KeyValue::new("alga.spans_left_out", number));
        }
        self.traces.queue.push(spans);
    }
}

/// Returns the time from the begin of the first span to the end of the last one.
fn duration(spans: &[EndedSpan]) -> Duration {
    let first = spans.iter().map(|span| span.began).min();
    let last = spans.iter().map(|span| span.ended).max();
    let both = first.zip(last);
    both.map_or(Duration::ZERO, |(first, last)| last.saturating_duration_since(first))
}

/// Returns the span that the `traceparent` field names; one that is not valid if there is none.
fn remote_span(headers: &HeaderMap) -> SpanContext {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    context.span().span_context().clone()
}
