use crate::Sampling;
use crate::batch::{Entrance, Exit, Measured, Sink, Waiting, queue};
use crate::collector::{CollectorSettings, ExportError, spans};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Spans that wait at most, most of which have less than a kilobyte.
const WAITING: Waiting = Waiting {
    items: 8_192,
    bytes: 16 * 1024 * 1024,
};
/// Traces that are exported in each second although they are no samples, and after a quiet time:
/// a tenant whose extension fails all the time does not displace the samples of others.
const OTHERS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
const OTHERS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// The same for one tenant, whose extensions may fail more often than that: others' failures are
/// exported, too.
const OTHERS_OF_TENANT_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
const OTHERS_OF_TENANT_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Parts of the tenants, each with a limit: memory does not grow with the number of tenants.
const PARTS: usize = 256;
/// The same for traces without a tenant: those of requests that were refused before it was known.
const OTHERS_OF_NO_TENANT_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// Bytes of a span beside its name and attributes: ids, times, scope.
const SPAN_BYTES: usize = 300;
/// Bytes of an attribute beside its name and value.
const ATTRIBUTE_BYTES: usize = 64;

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
    others_of_tenants: [DefaultDirectRateLimiter; PARTS],
    others_of_no_tenant: DefaultDirectRateLimiter,
    hasher: RandomState,
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
        let (spans, exit) = queue(WAITING);
        let limit = |per_second, burst| RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst));
        let queue = Self {
            spans,
            suppressed: AtomicU64::new(0),
            others: limit(OTHERS_PER_SECOND, OTHERS_BURST),
            others_of_tenants: std::array::from_fn(|_| limit(OTHERS_OF_TENANT_PER_SECOND, OTHERS_OF_TENANT_BURST)),
            others_of_no_tenant: limit(OTHERS_OF_NO_TENANT_PER_SECOND, OTHERS_OF_TENANT_BURST),
            hasher: RandomState::new(),
        };
        (queue, exit)
    }

    /// Adds the spans of a trace: all or none, because a part of a trace has no root.
    pub(crate) fn push(&self, spans: Vec<SpanData>) {
        self.spans.push(spans);
    }

    /// Returns the part of a tenant, which cannot choose that of another one.
    pub(crate) fn part_of(&self, tenant: &str) -> usize {
        usize::try_from(self.hasher.hash_one(tenant) % PARTS as u64).unwrap_or_default()
    }

    /// Reports whether one more trace that is no sample may be exported now, of a tenant in this
    /// part if it is known.
    pub(crate) fn admits_another(&self, part: Option<usize>) -> bool {
        let of_tenant = part.and_then(|part| self.others_of_tenants.get(part));
        let own = of_tenant.unwrap_or(&self.others_of_no_tenant);
        own.check().is_ok() && self.others.check().is_ok()
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

impl Measured for SpanData {
    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes: usize = attributes
            .map(|attribute| attribute.key.as_str().len() + attribute.value.as_str().len() + ATTRIBUTE_BYTES)
            .sum();
        SPAN_BYTES + self.name.len() + attributes
    }
}

struct Collector(SpanExporter);

impl Sink for Collector {
    type Item = SpanData;

    async fn send(&mut self, batch: Vec<SpanData>) -> Result<(), String> {
        self.0.export(batch).await.map_err(|error| error.to_string())
    }
}
