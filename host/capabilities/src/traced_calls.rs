//! Spans of the calls of granted capabilities, such as `alga.storage.kv.get`.

use crate::known;
use alga_traces::{InnermostSpan, Span, SpanKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// Maximum number of calls of an execution with a span of their own: a guest that calls all the
/// time does not displace the spans of the platform.
const CALLS: u32 = 128;

/// The calls of one execution, if it is traced; shared by the states of its capabilities.
#[derive(Clone)]
pub(crate) struct TracedCalls(Option<Arc<Traced>>);

struct Traced {
    innermost: InnermostSpan,
    call: Mutex<Option<Call>>,
    begun: AtomicU32,
}

/// The call in progress: a guest makes one at a time.
struct Call {
    interface: &'static str,
    span: Span,
}

impl TracedCalls {
    pub(crate) fn new(innermost: Option<InnermostSpan>) -> Self {
        let traced = |innermost| {
            Arc::new(Traced {
                innermost,
                call: Mutex::default(),
                begun: AtomicU32::new(0),
            })
        };
        Self(innermost.map(traced))
    }

    /// Begins the span of a call, by the place of its interface in [`known`].
    pub(crate) fn called(&self, place: usize) {
        if let Some((traced, interface)) = self.0.as_ref().zip(name(place)) {
            let place = traced.innermost.place();
            if traced.begun.fetch_add(1, Ordering::Relaxed) >= CALLS {
                return place.leave_out();
            }
            let span = place.child(interface, SpanKind::Internal);
            // Requests that the host sends for the call appear in it.
            traced.innermost.set_call(Some(span.place()));
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
            traced.innermost.set_call(None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use alga_traces::Traces;
    use http::HeaderMap;

    #[test]
    fn calls_beyond_the_limit_have_no_span_and_are_counted() {
        let (traces, mut local) = Traces::local();
        let first = traces.begin(&HeaderMap::new(), "request".to_owned());
        let calls = TracedCalls::new(Some(InnermostSpan::new(first.place())));
        for _ in 0..CALLS + 10 {
            calls.called(0);
            calls.returned();
        }
        drop((calls, first));
        let trace = local.take();
        assert_eq!(trace[0].spans.len(), CALLS as usize);
        assert_eq!(trace[0].attributes["alga.spans_left_out"], "10");
    }
}
