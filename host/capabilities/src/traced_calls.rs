//! Spans of the calls of granted capabilities, such as `alga.storage.kv`.

use crate::known;
use alga_traces::{ParentSpan, Span, SpanKind};
use std::sync::LazyLock;

/// The calls of one execution, if it is traced.
pub(crate) struct TracedCalls {
    parent: Option<ParentSpan>,
    /// The call in progress: a guest makes one at a time.
    call: Option<Span>,
}

impl TracedCalls {
    pub(crate) fn new(parent: Option<ParentSpan>) -> Self {
        Self { parent, call: None }
    }

    /// Begins the span of a call, by the place of its interface in [`known`].
    pub(crate) fn called(&mut self, place: usize) {
        if let Some((parent, name)) = self.parent.as_ref().zip(name(place)) {
            self.call = Some(parent.child(name, SpanKind::Internal));
        }
    }

    /// Ends the span of the call in progress.
    pub(crate) fn returned(&mut self) {
        self.call = None;
    }
}

/// Returns the name of a call's span: that of its interface, with dots.
fn name(place: usize) -> Option<&'static str> {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let interfaces = known().iter().map(|capability| capability.interface);
        interfaces.map(|interface| interface.replace([':', '/'], ".")).collect()
    });
    NAMES.get(place).map(String::as_str)
}
