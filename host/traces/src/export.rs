use crate::Sampling;
use crate::batch::{Entrance, Exit, Sink, queue};
use crate::collector::{CollectorSettings, ExportError, spans};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Maximum number of spans that wait, of about a kilobyte each.
const WAITING_SPANS: usize = 8_192;
/// Traces that are exported in each second although they are no samples, and after a quiet time:
/// a tenant whose extension fails all the time does not displace the samples of others.
const OTHERS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
const OTHERS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// The settings of traces.
#[derive(Debug, Clone)]
pub struct TracesSettings {
    /// The collector that receives them.
    pub collector: CollectorSettings,
    /// Traces that are exported.
    pub sampling: Sampling,
}

/// Numbers of spans since the process began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) exported: u64,
    pub(crate) lost: u64,
    pub(crate) suppressed: u64,
}

/// The entrance of the exporter.
pub(crate) struct Queue {
    spans: Entrance<SpanData>,
    suppressed: AtomicU64,
    others: DefaultDirectRateLimiter,
}

impl Queue {
    /// Starts the task that sends spans, which ends when the queue is dropped.
    pub(crate) fn start(settings: &TracesSettings) -> Result<Self, ExportError> {
        let sink = Collector(spans(&settings.collector)?);
        let (queue, exit) = Self::new();
        tokio::spawn(exit.send_to(sink, "spans"));
        Ok(queue)
    }

    /// Returns a queue, and its exit.
    pub(crate) fn new() -> (Self, Exit<SpanData>) {
        let (spans, exit) = queue(WAITING_SPANS);
        let quota = Quota::per_second(OTHERS_PER_SECOND).allow_burst(OTHERS_BURST);
        let queue = Self {
            spans,
            suppressed: AtomicU64::new(0),
            others: RateLimiter::direct(quota),
        };
        (queue, exit)
    }

    /// Adds the spans of a trace: all or none, because a part of a trace has no root.
    pub(crate) fn push(&self, spans: Vec<SpanData>) {
        self.spans.push(spans);
    }

    /// Reports whether one more trace that is no sample may be exported now.
    pub(crate) fn admits_another(&self) -> bool {
        self.others.check().is_ok()
    }

    /// Counts spans of a trace that is not exported because there were too many.
    pub(crate) fn suppress(&self, spans: usize) {
        self.suppressed.fetch_add(spans as u64, Ordering::Relaxed);
    }

    pub(crate) async fn flush(&self, longest: Duration) {
        self.spans.flush(longest).await;
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let counters = &self.spans.counters;
        Numbers {
            exported: counters.exported.load(Ordering::Relaxed),
            lost: counters.lost.load(Ordering::Relaxed),
            suppressed: self.suppressed.load(Ordering::Relaxed),
        }
    }
}

struct Collector(SpanExporter);

impl Sink for Collector {
    type Item = SpanData;

    async fn send(&mut self, batch: Vec<SpanData>) -> Result<(), String> {
        self.0.export(batch).await.map_err(|error| error.to_string())
    }
}
