//! Spans of the calls of granted capabilities, such as `alga.storage.kv.get`.

use crate::known;
use alga_traces::{InnermostSpan, Span, SpanKind};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The calls of one execution, if it is traced; shared by the states of its capabilities.
#[derive(Clone)]
pub(crate) struct TracedCalls(Option<Arc<Traced>>);

struct Traced {
    innermost: InnermostSpan,
    call: Mutex<Option<Call>>,
}

/// The call in progress: a guest makes one at a time.
struct Call {
    interface: &'static str,
    span: Span,
}

impl TracedCalls {
    pub(crate) fn new(innermost: Option<InnermostSpan>) -> Self {
        let traced = |innermost| {
            let call = Mutex::default();
            Arc::new(Traced { innermost, call })
        };
        Self(innermost.map(traced))
    }

    /// Begins the span of a call, by the place of its interface in [`known`].
    pub(crate) fn called(&self, place: usize) {
        if let Some((traced, interface)) = self.0.as_ref().zip(name(place)) {
            let span = traced.innermost.place().child(interface, SpanKind::Internal);
            *traced.call() = Some(Call { interface, span });
        }
    }

    /// Names the function of the call in progress, as the interface does.
    pub(crate) fn function(&self, name: &'static str) {
        let Some(traced) = &self.0 else { return };
        if let Some(Call { interface, span }) = &mut *traced.call() {
            span.rename(format!("{interface}.{name}"));
        }
    }

    /// Ends the span of the call in progress.
    pub(crate) fn returned(&self) {
        if let Some(traced) = &self.0 {
            *traced.call() = None;
        }
    }
}

impl Traced {
    fn call(&self) -> MutexGuard<'_, Option<Call>> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the name of an interface in spans, with dots.
fn name(place: usize) -> Option<&'static str> {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let interfaces = known().iter().map(|capability| capability.interface);
        interfaces.map(|interface| interface.replace([':', '/'], ".")).collect()
    });
    NAMES.get(place).map(String::as_str)
}
