//! The span of an execution in its trace, with OpenTelemetry's names for functions (`faas.*`) where
//! there are some.

use crate::Usage;
use crate::usage::outcome;
use alga_bundle::Digest;
use alga_capabilities::{Identity, Trigger};
use alga_errors::Problem;
use alga_traces::{ParentSpan, Span, SpanKind};
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
pub(crate) struct EndedExecution<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) trigger: &'a Trigger,
    pub(crate) content_hash: Digest,
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) is_admitted: bool,
    pub(crate) usage: &'a Usage,
    pub(crate) result: &'a Result<u16, Problem>,
}

/// Adds what an execution was and used to its span. A failure of an execution that was admitted
/// exports the trace.
pub(crate) fn end(span: &mut Span, execution: &EndedExecution<'_>) {
    let EndedExecution {
        identity,
        trigger,
        usage,
        result,
        ..
    } = execution;
    span.set_text("faas.name", identity.extension.as_str());
    span.set_text("faas.invocation_id", identity.request.as_str());
    span.set("faas.coldstart", usage.cold);
    match trigger {
        Trigger::Http => span.set("faas.trigger", "http"),
        Trigger::Schedule(schedule) => {
            span.set("faas.trigger", "timer");
            span.set_text("alga.schedule", schedule);
        }
        Trigger::Event(event) => {
            span.set("faas.trigger", "pubsub");
            span.set_text("alga.event", event);
        }
    }
    span.set_tenant(identity.tenant.as_str());
    span.set_text("alga.install", identity.install.as_str());
    if let Some(version) = &identity.version {
        span.set_text("faas.version", version.as_str());
    }
    if let Some(endpoint) = execution.endpoint {
        span.set_text("alga.endpoint", endpoint);
    }
    span.set_text("alga.content_hash", &execution.content_hash.to_string());
    span.set("alga.outcome", outcome(result.as_ref().copied().map_err(Problem::code)));
    let numbers = [
        ("alga.queued_us", usage.queued_us),
        ("alga.guest_cpu_us", usage.guest_cpu_us),
        ("alga.memory_peak_bytes", usage.memory_peak_bytes),
        ("alga.host_calls", usage.host_calls),
    ];
    for (name, number) in numbers {
        span.set(name, i64::try_from(number).unwrap_or(i64::MAX));
    }
    if let Err(problem) = result {
        span.fail(problem.code().as_str());
        // What is refused for lack of capacity or credit costs next to nothing, and happens often.
        if execution.is_admitted && problem.code().status() >= 500 {
            span.export();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_bundle::RequestId;
    use alga_traces::Traces;
    use http::HeaderMap;

    #[test]
    fn the_span_of_an_execution_has_what_triggered_it() {
        let identity = Identity {
            request: RequestId::unique(),
            tenant: "acme".parse().unwrap(),
            extension: "e-1".parse().unwrap(),
            install: "i-1".parse().unwrap(),
            version: Some("v-1".parse().unwrap()),
        };
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
            let ended = EndedExecution {
                identity: &identity,
                trigger: &trigger,
                content_hash: Digest::of(b"bundle"),
                endpoint: Some("GET /a"),
                is_admitted: true,
                usage: &Usage::default(),
                result: &Ok(200),
            };
            end(&mut span, &ended);
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
