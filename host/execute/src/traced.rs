//! The span of an execution in its trace, with OpenTelemetry's names for functions (`faas.*`) where
//! there are some.

use crate::Usage;
use crate::usage::SERVER_ERROR;
use alga_bundle::Digest;
use alga_capabilities::{Permit, Trigger};
use alga_errors::Code;
use alga_traces::{Attributes, ParentSpan, Span, SpanKind};
use std::sync::Arc;
use std::time::Instant;

/// Begins the span of an execution.
pub(crate) fn begin(trace: &ParentSpan, started: Instant) -> Span {
    trace.child("alga.execute", SpanKind::Internal).since(started)
}

/// Begins the span of loading a component.
pub(crate) fn loading(execution: &Span) -> Span {
    execution.place().child("alga.load", SpanKind::Internal)
}

/// An execution that has ended.
pub(crate) struct EndedExecution {
    pub(crate) permit: Arc<Permit>,
    pub(crate) content_hash: Digest,
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) usage: Usage,
    /// Name of the outcome.
    pub(crate) outcome: &'static str,
}

/// Adds what an execution was and used to its span. A failure of an execution that was admitted, or
/// a guest's own response with a status from 500 on, exports the trace.
pub(crate) fn end(span: &mut Span, ended: EndedExecution, failure: Option<Code>, is_admitted: bool) {
    span.set_tenant(ended.permit.identity.tenant.as_str());
    if let Some(code) = failure {
        span.fail(code.as_str());
        // What is refused for lack of capacity or credit costs next to nothing, and happens often.
        if is_admitted && code.status() >= 500 {
            span.export();
        }
    } else if ended.outcome == SERVER_ERROR {
        // `/v1/execute` has it in the body of a response with status 200.
        span.fail(SERVER_ERROR);
        span.export();
    }
    span.describe(move |attributes| ended.describe(attributes));
}

impl EndedExecution {
    fn describe(&self, attributes: &mut Attributes) {
        let identity = &self.permit.identity;
        attributes.set_text("faas.name", identity.extension.as_str());
        attributes.set_text("faas.invocation_id", identity.request.as_str());
        attributes.set("faas.coldstart", self.usage.cold);
        match &self.permit.trigger {
            Trigger::Http => attributes.set("faas.trigger", "http"),
            Trigger::Schedule(schedule) => {
                attributes.set("faas.trigger", "timer");
                attributes.set_text("alga.schedule", schedule);
            }
            Trigger::Event(event) => {
                attributes.set("faas.trigger", "pubsub");
                attributes.set_text("alga.event", event);
            }
        }
        attributes.set_text("alga.tenant", identity.tenant.as_str());
        attributes.set_text("alga.install", identity.install.as_str());
        if let Some(version) = &identity.version {
            attributes.set_text("faas.version", version.as_str());
        }
        if let Some(endpoint) = &self.endpoint {
            attributes.set_text("alga.endpoint", endpoint);
        }
        attributes.set_text("alga.content_hash", &self.content_hash.to_string());
        attributes.set("alga.outcome", self.outcome);
        let numbers = [
            ("alga.queued_us", self.usage.queued_us),
            ("alga.guest_cpu_us", self.usage.guest_cpu_us),
            ("alga.memory_peak_bytes", self.usage.memory_peak_bytes),
            ("alga.host_calls", self.usage.host_calls),
        ];
        for (name, number) in numbers {
            attributes.set(name, i64::try_from(number).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_bundle::RequestId;
    use alga_capabilities::{GrantSet, Identity};
    use alga_traces::Traces;
    use http::HeaderMap;

    #[test]
    fn the_span_of_an_execution_has_what_triggered_it() {
        for (trigger, kind, id) in [
            (Trigger::Http, "http", None),
            (
                Trigger::Schedule("s-1".to_owned()),
                "timer",
                Some(("alga.schedule", "s-1")),
            ),
            (Trigger::Event("e-1".to_owned()), "pubsub", Some(("alga.event", "e-1"))),
        ] {
            let (traces, mut local) = Traces::local();
            let first = traces.begin(&HeaderMap::new(), "request".to_owned());
            let mut span = begin(&first.place(), Instant::now());
            let permit = Permit {
                identity: Identity {
                    request: RequestId::unique(),
                    tenant: "acme".parse().unwrap(),
                    extension: "e-1".parse().unwrap(),
                    install: "i-1".parse().unwrap(),
                    version: Some("v-1".parse().unwrap()),
                },
                trigger,
                config: Arc::default(),
                user: None,
                grants: GrantSet::default(),
                egress: Arc::default(),
                memory_bytes: 0,
                deadline: Instant::now(),
            };
            let ended = EndedExecution {
                permit: Arc::new(permit),
                content_hash: Digest::of(b"bundle"),
                endpoint: Some("GET /a".into()),
                usage: Usage::default(),
                outcome: "2xx",
            };
            end(&mut span, ended, None, true);
            drop((span, first));
            let attributes = &local.take()[0].spans[0].attributes;
            assert_eq!(attributes["faas.trigger"], kind);
            assert_eq!(attributes["faas.version"], "v-1");
            if let Some((name, value)) = id {
                assert_eq!(attributes[name], value);
            }
        }
    }
}
