//! Traces of requests (OpenTelemetry), and the export of traces and of the log to a collector
//! (OTLP).
//!
//! While a request is handled, its spans are only recorded. When all of them have ended, the trace
//! is exported if it is a sample, failed or was slow, and dropped otherwise: what is not exported
//! costs a few small allocations. The first process of the platform decides which traces are
//! samples, and others follow it; each adds what fails or is slow in its own part.
//!
//! | module | its one idea |
//! |---|---|
//! | `trace` | the recorded spans of one trace in this process |
//! | `span` | a span in progress, and the place of a span in its trace |
//! | `attributes` | what describes a span, with bounded texts |
//! | `sampling` | which traces are exported |
//! | `export` | the queue of spans |
//! | `local` | spans that stay in this process |
//! | `logs` | the queue of the log's lines, and their form as log records |
//! | `batch` | a bounded queue, and the task that sends what is in it |
//! | `collector` | the collector, and clients for it |

mod attributes;
mod batch;
mod collector;
mod export;
mod local;
mod logs;
mod sampling;
mod span;
mod trace;

pub use attributes::Attributes;
pub use collector::{CollectorSettings, ExportError, Protocol};
pub use export::TracesSettings;
pub use local::{LocalSpan, LocalSpans};
pub use logs::{LogLines, LogQueue, Logs};
pub use opentelemetry::trace::SpanKind;
pub use sampling::Sampling;
pub use span::{InnermostSpan, ParentSpan, Span, TRACEPARENT, method_name};

use alga_metrics::{Families, Source};
use export::Queue;
use http::HeaderMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use trace::Trace;

/// The traces of one process.
#[derive(Clone)]
pub struct Traces {
    sampling: Sampling,
    queue: Arc<Queue>,
}

impl Traces {
    /// Starts to export traces. Called within a Tokio runtime, in which the exporter has a task.
    ///
    /// # Errors
    /// Returns [`ExportError`] if the settings are not valid. Whether a collector listens is seen
    /// later.
    pub fn start(settings: &TracesSettings) -> Result<Self, ExportError> {
        let queue = Queue::start(settings)?;
        Ok(Self {
            sampling: settings.sampling,
            queue: Arc::new(queue),
        })
    }

    /// Returns traces that are all recorded, and that stay in this process: 8 192 spans at most
    /// until they are read.
    #[must_use]
    pub fn local() -> (Self, LocalSpans) {
        let (queue, exit) = Queue::new();
        let traces = Self {
            sampling: Sampling {
                one_in: Some(NonZeroU32::MIN),
                slower_than: None,
            },
            queue: Arc::new(queue),
        };
        (traces, LocalSpans::new(exit))
    }

    /// Begins the first span of a request in this process, in the trace that the `traceparent`
    /// field names (W3C Trace Context), or in a new one.
    #[must_use]
    pub fn begin(&self, headers: &HeaderMap, name: String) -> Span {
        Span::first(Trace::begin(self, headers), name.into())
    }

    /// Waits until what is queued was sent, or refused by the collector, for this time at most.
    pub async fn flush(&self, longest: Duration) {
        self.queue.flush(longest).await;
    }
}

impl Source for Traces {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let numbers = self.queue.numbers();
        let results = [
            ([("result", "exported")], numbers.exported),
            ([("result", "lost")], numbers.lost),
            ([("result", "suppressed")], numbers.suppressed),
        ];
        families.counters(
            "alga_trace_spans",
            "Spans of exported traces, and those that could not be exported",
            results,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use opentelemetry::trace::SpanId;
    use opentelemetry_sdk::trace::SpanData;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn sampling(one_in: u32) -> Sampling {
        Sampling {
            one_in: NonZeroU32::new(one_in),
            slower_than: None,
        }
    }

    fn begin(sampling: Sampling, traceparent: &str) -> (Span, impl FnMut() -> Vec<SpanData> + use<>) {
        let (queue, mut exported) = Queue::new();
        let traces = Traces {
            sampling,
            queue: Arc::new(queue),
        };
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_str(traceparent).unwrap());
        (traces.begin(&headers, "first".to_owned()), move || exported.unsent())
    }

    #[test]
    fn a_trace_is_exported_when_its_last_span_has_ended() {
        let (first, mut exported) = begin(sampling(1), PARENT);
        let place = first.place();
        drop(first);
        assert!(exported().is_empty());
        drop(place.child("second", SpanKind::Internal));
        drop(place);
        let spans = exported();
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
        assert_eq!(spans[0].parent_span_id, SpanId::from(0xb7ad_6b71_6920_3331));
    }

    #[test]
    fn what_is_no_sample_is_exported_if_it_failed_or_a_process_of_the_platform_demands_it() {
        let (first, mut exported) = begin(sampling(0), PARENT);
        drop(first);
        assert!(exported().is_empty());
        let (first, mut exported) = begin(sampling(0), PARENT);
        first.export();
        drop(first);
        assert_eq!(exported().len(), 1);
        let (first, mut exported) = begin(sampling(0), PARENT);
        first.place().trust_remote();
        assert!(first.place().traceparent().to_str().unwrap().ends_with("-01"));
        drop(first);
        assert_eq!(exported().len(), 1);
        let (first, mut exported) = begin(sampling(1), &PARENT.replace("-01", "-00"));
        first.place().trust_remote();
        drop(first);
        assert!(exported().is_empty());
    }

    #[test]
    fn a_parent_that_is_not_valid_begins_a_new_trace() {
        for bad in [
            "",
            "00",
            "zz-0-0-0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            &"a".repeat(9_000),
        ] {
            let (first, mut exported) = begin(sampling(1), bad);
            drop(first);
            assert_eq!(exported()[0].parent_span_id, SpanId::INVALID, "{bad}");
        }
    }

    #[test]
    fn a_trace_and_its_texts_are_bounded() {
        let (mut first, mut exported) = begin(sampling(1), PARENT);
        first.set_text("long", &"é".repeat(10_000));
        first.rename("é".repeat(10_000));
        for _ in 0..10_000 {
            drop(first.place().child("child", SpanKind::Internal));
        }
        drop(first);
        let spans = exported();
        assert_eq!(spans.len(), 289);
        let first = spans.last().unwrap();
        assert_eq!(first.attributes[0].value.as_str().len(), 256);
        assert_eq!(first.name.len(), 128);
        assert_eq!(first.attributes[1].key.as_str(), "alga.spans_left_out");
    }

    #[test]
    fn traces_that_fail_all_the_time_do_not_displace_samples() {
        let (queue, mut exported) = Queue::new();
        let traces = Traces {
            sampling: sampling(0),
            queue: Arc::new(queue),
        };
        for number in 0..10_000 {
            let first = traces.begin(&HeaderMap::new(), String::new());
            first.set_tenant(&format!("tenant-{number}"));
            first.export();
        }
        let number = exported.unsent().len();
        assert!((100..1_000).contains(&number), "{number}");
        assert_eq!(traces.queue.numbers().suppressed, 10_000 - number as u64);
    }

    #[test]
    fn a_tenant_whose_extensions_fail_all_the_time_hides_no_failure_of_another() {
        let (queue, mut exported) = Queue::new();
        let traces = Traces {
            sampling: sampling(0),
            queue: Arc::new(queue),
        };
        let fail = |tenant: &str| {
            let first = traces.begin(&HeaderMap::new(), String::new());
            first.set_tenant(tenant);
            first.export();
        };
        let part = traces.queue.part_of("noisy");
        (0..10_000).for_each(|_| fail("noisy"));
        let number = exported.unsent().len();
        assert!((20..100).contains(&number), "{number}");
        let others = (0..1_000).map(|number| format!("quiet-{number}"));
        let others = others.filter(|tenant| traces.queue.part_of(tenant) != part);
        others.take(20).for_each(|tenant| fail(&tenant));
        assert_eq!(exported.unsent().len(), 20);
    }

    #[test]
    fn a_slow_trace_is_exported_although_it_is_no_sample() {
        let slow = Sampling {
            slower_than: Some(Duration::from_secs(60)),
            ..sampling(0)
        };
        let (first, mut exported) = begin(slow, PARENT);
        drop(first.since(std::time::Instant::now() - Duration::from_secs(61)));
        assert_eq!(exported().len(), 1);
        let (first, mut exported) = begin(slow, PARENT);
        drop(first);
        assert!(exported().is_empty());
    }

    #[test]
    fn local_spans_are_a_tree_and_are_returned_once() {
        let (traces, mut local) = Traces::local();
        let first = traces.begin(&HeaderMap::new(), "first".to_owned());
        let mut second = first.place().child("second", SpanKind::Internal);
        second.place().annotate("extension.order".to_owned(), "o-18");
        second.fail_in_extension("out of stock");
        drop(second.place().child("third", SpanKind::Internal));
        drop(second);
        assert!(local.take().is_empty());
        drop(first);
        let tree = local.take();
        assert_eq!(tree.len(), 1);
        let second = &tree[0].spans[0];
        assert_eq!(second.failure.as_deref(), Some("out of stock"));
        assert_eq!(second.attributes["extension.order"], "o-18");
        assert_eq!(second.spans[0].name, "third");
        assert!(local.take().is_empty());
    }

    #[test]
    fn a_trace_that_does_not_fit_into_the_queue_is_lost_as_a_whole() {
        let (queue, mut exported) = Queue::new();
        let traces = Traces {
            sampling: sampling(1),
            queue: Arc::new(queue),
        };
        for _ in 0..9_000 {
            let first = traces.begin(&HeaderMap::new(), String::new());
            (0..4).for_each(|_| drop(first.place().child("child", SpanKind::Internal)));
        }
        let number = exported.unsent().len();
        assert!(number > 8_000 && number % 5 == 0, "{number}");
        assert_eq!(traces.queue.numbers().lost, 45_000 - number as u64);
    }

    #[tokio::test]
    async fn spans_beyond_the_queue_of_a_collector_that_hangs_are_lost_and_counted() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for protocol in [Protocol::Http, Protocol::Grpc] {
            let traces = Traces::start(&TracesSettings {
                collector: CollectorSettings {
                    endpoint: format!("http://{}", silent.local_addr().unwrap()),
                    protocol,
                    role: "all",
                },
                sampling: sampling(1),
            })
            .unwrap();
            for _ in 0..20_000 {
                drop(traces.begin(&HeaderMap::new(), String::new()));
            }
            let lost = traces.queue.numbers().lost;
            assert!((10_000..20_000).contains(&lost), "{lost}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_an_error_at_the_start() {
        for protocol in [Protocol::Http, Protocol::Grpc] {
            let collector = CollectorSettings {
                endpoint: "no url".to_owned(),
                protocol,
                role: "all",
            };
            let settings = TracesSettings {
                collector: collector.clone(),
                sampling: sampling(1),
            };
            assert!(Traces::start(&settings).is_err(), "{protocol:?}");
            assert!(Logs::start(&collector, LogQueue::new().1).is_err(), "{protocol:?}");
        }
    }
}
