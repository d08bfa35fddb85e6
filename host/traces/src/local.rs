use crate::batch::Exit;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;
use std::collections::BTreeMap;

/// Spans that stay in this process, for the tests of an extension.
pub struct LocalSpans(Exit<SpanData>);

/// A span with those inside it, in the order in which they began.
#[derive(Debug, Clone, Serialize)]
pub struct LocalSpan {
    /// Name, as it is exported.
    pub name: String,
    /// Attributes, as they are exported.
    pub attributes: BTreeMap<String, String>,
    /// Description of the failure, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The spans inside it.
    pub spans: Vec<LocalSpan>,
}

impl LocalSpans {
    pub(crate) fn new(exit: Exit<SpanData>) -> Self {
        Self(exit)
    }

    /// Returns the traces that are complete and were not returned before, by their first spans.
    pub fn take(&mut self) -> Vec<LocalSpan> {
        let mut spans = self.0.unsent();
        spans.sort_by_key(|span| span.start_time);
        inside(SpanId::INVALID, &spans)
    }
}

/// Returns the spans whose parent is this one.
fn inside(parent: SpanId, all: &[SpanData]) -> Vec<LocalSpan> {
    let own = all.iter().filter(|span| span.parent_span_id == parent);
    let spans = own.map(|span| {
        let attributes = span.attributes.iter();
        LocalSpan {
            name: span.name.to_string(),
            attributes: attributes
                .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
                .collect(),
            failure: match &span.status {
                Status::Error { description } => Some(description.to_string()),
                _ => None,
            },
            spans: inside(span.span_context.span_id(), all),
        }
    });
    spans.collect()
}
