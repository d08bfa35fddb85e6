use crate::Sampling;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::transport::ClientTlsConfig;

/// Maximum number of spans that wait, of about a kilobyte each; further ones are lost: no request
/// waits for a collector.
const WAITING_SPANS: usize = 8_192;
/// Maximum number of spans that are sent at once.
const BATCH_SPANS: usize = 512;
/// Longest time for which a span waits for others, to be sent with them.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// Traces that are exported in each second although they are no samples, and after a quiet time:
/// a tenant whose extension fails all the time does not displace the samples of others.
const OTHERS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
const OTHERS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
/// Time for a collector to receive a batch.
const EXPORT_TIME: Duration = Duration::from_secs(10);
/// Shortest time between two reports of a collector that fails.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Protocols of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf in requests of HTTP.
    Http,
    /// Protobuf in calls of gRPC.
    Grpc,
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "http/protobuf" => Ok(Self::Http),
            "grpc" => Ok(Self::Grpc),
            _ => Err("it is http/protobuf or grpc"),
        }
    }
}

/// The settings of traces.
#[derive(Debug, Clone)]
pub struct TracesSettings {
    /// Base URL of the collector, such as `http://localhost:4318`.
    pub endpoint: String,
    /// Protocol of the collector.
    pub protocol: Protocol,
    /// Traces that are exported.
    pub sampling: Sampling,
    /// Part of the platform that runs in this process.
    pub role: &'static str,
}

/// Reason why traces cannot be exported at all.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The endpoint is not a URL that the protocol can use.
    #[error("ALGA_TRACES_ENDPOINT")]
    Endpoint(#[from] ExporterBuildError),
    /// The client for HTTP cannot be created.
    #[error("the client for traces")]
    Client(#[from] reqwest::Error),
}

/// Numbers of spans since the process began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) exported: u64,
    pub(crate) lost: u64,
    pub(crate) suppressed: u64,
}

#[derive(Default)]
struct Counters {
    exported: AtomicU64,
    lost: AtomicU64,
    suppressed: AtomicU64,
}

enum Item {
    Span(Box<SpanData>),
    Flush(oneshot::Sender<()>),
}

/// The entrance of the exporter.
pub(crate) struct Queue {
    items: mpsc::Sender<Item>,
    counters: Arc<Counters>,
    others: DefaultDirectRateLimiter,
}

impl Queue {
    fn new(items: mpsc::Sender<Item>, counters: Arc<Counters>) -> Self {
        let quota = Quota::per_second(OTHERS_PER_SECOND).allow_burst(OTHERS_BURST);
        Self {
            items,
            counters,
            others: RateLimiter::direct(quota),
        }
    }

    pub(crate) fn push(&self, spans: Vec<SpanData>) {
        // All or none: a part of a trace has no root.
        let Ok(places) = self.items.try_reserve_many(spans.len()) else {
            self.counters.lost.fetch_add(spans.len() as u64, Ordering::Relaxed);
            return;
        };
        for (place, span) in places.zip(spans) {
            place.send(Item::Span(Box::new(span)));
        }
    }

    /// Reports whether one more trace that is no sample may be exported now.
    pub(crate) fn admits_another(&self) -> bool {
        self.others.check().is_ok()
    }

    /// Counts spans of a trace that is not exported because there were too many.
    pub(crate) fn suppress(&self, spans: usize) {
        self.counters.suppressed.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// Returns a queue, and what is in it.
    #[cfg(test)]
    pub(crate) fn unsent() -> (Self, Unsent) {
        let (items, receiver) = mpsc::channel(WAITING_SPANS);
        (Self::new(items, Arc::default()), Unsent(receiver))
    }

    pub(crate) async fn flush(&self, longest: Duration) {
        let flushed = async {
            let (done, is_done) = oneshot::channel();
            if self.items.send(Item::Flush(done)).await.is_ok() {
                is_done.await.ok();
            }
        };
        timeout(longest, flushed).await.ok();
    }

    pub(crate) fn numbers(&self) -> Numbers {
        Numbers {
            exported: self.counters.exported.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
            suppressed: self.counters.suppressed.load(Ordering::Relaxed),
        }
    }
}

/// Spans in a queue of a test.
#[cfg(test)]
pub(crate) struct Unsent(mpsc::Receiver<Item>);

#[cfg(test)]
impl Unsent {
    pub(crate) fn spans(&mut self) -> Vec<SpanData> {
        let items = std::iter::from_fn(|| self.0.try_recv().ok());
        let spans = items.filter_map(|item| match item {
            Item::Span(span) => Some(*span),
            Item::Flush(_) => None,
        });
        spans.collect()
    }
}

/// The task that sends spans.
pub(crate) struct Exporter {
    items: mpsc::Receiver<Item>,
    counters: Arc<Counters>,
    exporter: SpanExporter,
    reported: Option<Instant>,
}

impl Exporter {
    /// Starts the task, which ends when its queue is dropped.
    pub(crate) fn start(settings: &TracesSettings) -> Result<Queue, TracesError> {
        let mut exporter = build(settings)?;
        exporter.set_resource(&resource(settings.role));
        let (sender, receiver) = mpsc::channel(WAITING_SPANS);
        let counters = Arc::<Counters>::default();
        let task = Self {
            items: receiver,
            counters: Arc::clone(&counters),
            exporter,
            reported: None,
        };
        tokio::spawn(task.run());
        Ok(Queue::new(sender, counters))
    }

    async fn run(mut self) {
        while let Some(first) = self.items.recv().await {
            let (mut spans, mut flushed) = (Vec::new(), None);
            let until = Instant::now() + BATCH_TIME;
            let mut next = Some(first);
            while let Some(item) = next.take() {
                match item {
                    Item::Span(span) => spans.push(*span),
                    Item::Flush(done) => flushed = Some(done),
                }
                if spans.len() < BATCH_SPANS && flushed.is_none() {
                    next = timeout_at(until, self.items.recv()).await.ok().flatten();
                }
            }
            self.export(spans).await;
            if let Some(done) = flushed {
                done.send(()).ok();
            }
        }
    }

    async fn export(&mut self, spans: Vec<SpanData>) {
        let number = spans.len() as u64;
        if number == 0 {
            return;
        }
        let failure = match timeout(EXPORT_TIME, self.exporter.export(spans)).await {
            Ok(Ok(())) => {
                self.counters.exported.fetch_add(number, Ordering::Relaxed);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no response within 10 s".to_owned(),
        };
        self.counters.lost.fetch_add(number, Ordering::Relaxed);
        if self.reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            self.reported = Some(Instant::now());
            tracing::warn!(target: "alga::traces", failure, spans = number, "the collector of traces does not receive");
        }
    }
}

fn build(settings: &TracesSettings) -> Result<SpanExporter, TracesError> {
    let endpoint = settings.endpoint.trim_end_matches('/');
    Ok(match settings.protocol {
        Protocol::Http => {
            // A redirect could lead to a place that the operator did not name.
            let client = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .timeout(EXPORT_TIME)
                .build()?;
            SpanExporter::builder()
                .with_http()
                .with_http_client(client)
                .with_endpoint(format!("{endpoint}/v1/traces"))
                .with_timeout(EXPORT_TIME)
                .build()?
        }
        Protocol::Grpc => {
            let builder = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .with_timeout(EXPORT_TIME);
            let builder = match endpoint.starts_with("https:") {
                true => builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots()),
                false => builder,
            };
            builder.build()?
        }
    })
}

fn resource(role: &'static str) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "alga"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("alga.role", role),
        ])
        .build()
}
