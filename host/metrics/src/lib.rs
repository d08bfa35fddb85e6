//! The metrics of a process, and their text for a scraper.
//!
//! Parts of the platform count where they work, in ways that cost their requests least. Each is a
//! [`Source`], which is read at a scrape: nothing here is on a request's path.
//!
//! | module | its one idea |
//! |---|---|
//! | `families` | the families of metrics that a source writes |
//! | `latency` | durations of calls to something outside the process |
//! | `process` | processor time, memory and files of the process |
//! | `recorded` | durations of executions with a record, with exemplars |
//! | `runtime` | tasks and threads of the async runtime |

mod families;
mod latency;
mod process;
mod recorded;
mod runtime;

pub use families::{Buckets, Families, Observed};
pub use latency::{Latency, Running};
pub use process::open_process_files;
pub use recorded::RecordedDurations;

use latency::Dependencies;
use process::Process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::registry::{Metric, Registry};
use runtime::Runtime;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A part of the process with metrics of its own.
pub trait Source: Send + Sync + 'static {
    /// Writes the present values, each family once.
    ///
    /// # Errors
    /// Returns the errors of [`Families`].
    fn write(&self, families: &mut Families<'_>) -> fmt::Result;
}

impl<S: Source> Source for Arc<S> {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        S::write(self, families)
    }
}

/// Text formats of a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenMetrics 1.0, with exemplars.
    OpenMetrics,
    /// Prometheus text format 0.0.4.
    PrometheusText,
}

impl Format {
    /// Returns the format that the `accept` header of a scraper prefers; without one, the
    /// Prometheus text format.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::PrometheusText
        }
    }

    /// Returns the media type of the format.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::PrometheusText => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// The metrics of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    dependencies: Arc<Dependencies>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            dependencies: Arc::default(),
        };
        metrics.add(Arc::clone(&metrics.dependencies));
        metrics.add(Process::open());
        metrics.add(Runtime);
        metrics
    }
}

impl Metrics {
    /// Adds a part of the process, which is read at each scrape.
    pub fn add(&self, source: impl Source) {
        self.registry().register_collector(Box::new(Part(source)));
    }

    /// Adds a metric that the library counts itself.
    pub fn register(&self, name: &'static str, help: &'static str, metric: impl Metric + TypedMetric) {
        self.registry().register(name, help, metric);
    }

    /// Adds the durations of calls to a dependency, such as `database`.
    pub fn add_dependency(&self, name: &'static str, latency: &Latency) {
        self.dependencies.add(name, latency);
    }

    /// Returns the text of a scrape.
    #[must_use]
    pub fn text(&self, format: Format) -> String {
        let (mut written, registry) = (String::new(), self.registry());
        let result = match format {
            Format::OpenMetrics => text::encode(&mut written, &registry),
            Format::PrometheusText => prometheus_text::encode(&mut written, &registry),
        };
        // Writing to a string cannot fail, and no source returns an error of its own.
        result.map(|()| written).unwrap_or_default()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A source that panics changes nothing in the registry.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the Prometheus text of one source alone.
#[must_use]
pub fn text_of(source: impl Source) -> String {
    let metrics = Metrics {
        registry: Arc::default(),
        dependencies: Arc::default(),
    };
    metrics.add(source);
    metrics.text(Format::PrometheusText)
}

struct Part<S>(S);

impl<S> fmt::Debug for Part<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a source of metrics")
    }
}

impl<S: Source> Collector for Part<S> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.write(&mut Families::new(encoder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    struct Fixed;

    impl Source for Fixed {
        fn write(&self, families: &mut Families<'_>) -> fmt::Result {
            families.counters("alga_calls", "Calls", [([("by", "a\"\\\n")], 3_u64)])?;
            families.gauge("alga_places", "Places", 4.5)?;
            let mut buckets = Buckets::<3>::default();
            for seconds in [0.5, 1.5, 99.0] {
                buckets.observe(&[1.0, 2.0, 4.0], seconds);
            }
            families.histogram("alga_time_seconds", "Time", &buckets.observed(&[1.0, 2.0, 4.0]))
        }
    }

    #[tokio::test]
    async fn a_scrape_has_the_sources_the_process_and_the_runtime_in_both_formats() {
        let metrics = Metrics::default();
        metrics.add(Fixed);
        let latency = Latency::default();
        latency.observe(Instant::now().checked_sub(Duration::from_millis(7)).unwrap(), true);
        metrics.add_dependency("database", &latency);
        let open = metrics.text(Format::accepted(Some(
            "application/openmetrics-text;version=1.0.0,*/*;q=0.1",
        )));
        assert!(open.ends_with("# EOF\n"));
        let plain = metrics.text(Format::accepted(None));
        assert!(plain.contains("# TYPE alga_calls_total counter\n"), "{plain}");
        for text in [open, plain] {
            for line in [
                "alga_calls_total{by=\"a\\\"\\\\\\n\"} 3\n",
                "alga_places 4.5\n",
                "alga_time_seconds_count 3\n",
                "alga_time_seconds_bucket{le=\"+Inf\"} 3\n",
                "alga_time_seconds_sum 101.0\n",
                "alga_dependency_duration_seconds_count{dependency=\"database\",outcome=\"ok\"} 1\n",
                "process_start_time_seconds ",
                "alga_runtime_threads ",
            ] {
                assert!(text.contains(line), "{line} in {text}");
            }
        }
    }
}
