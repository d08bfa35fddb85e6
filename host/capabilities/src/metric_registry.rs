//! The series of all installs, for a scraper.

use crate::Identity;
use alga_bundle::{InstallId, Metric, MetricType};
use alga_metrics::{Buckets, Families, Observed, Source};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum series of one install. Documented in `wit/deps/alga-metrics`.
const SERIES: usize = 100;
/// Label value of a metric's overflow series, which counts the values beyond that limit.
const OTHER: &str = "_other_";
/// Maximum installs with series. The least recently used install is evicted, and its counters
/// restart at 0.
const INSTALLS: u64 = 2_000;
/// Upper bounds of a histogram's buckets: the default of Prometheus client libraries.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Maximum bytes of all series in a scrape, unless the operator sets another one: with the metrics
/// of the host, a scrape is below a megabyte.
const SCRAPE_BYTES: usize = 768 * 1024;
/// Maximum bytes of one install in a scrape, so that no install crowds out others.
const INSTALL_BYTES: usize = 256 * 1024;
/// Bytes of a line beside the name and the labels: a number, and the bound of a bucket.
const LINE_BYTES: usize = 40;

/// Aggregates the metrics of extensions.
pub struct MetricRegistry {
    installs: Cache<InstallId, Arc<Mutex<Series>>>,
    scrape_bytes: usize,
}

/// The series of one install.
struct Series {
    owner: Identity,
    values: BTreeMap<Key, Value>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    metric: String,
    labels: Vec<(String, String)>,
}

#[derive(Clone)]
enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Box<Buckets<{ BUCKETS.len() }>>),
}

/// Series by name and type of their metric.
type ByMetric = BTreeMap<(String, MetricType), Vec<(Labels, Value)>>;
/// Labels of a series, with those of the host.
type Labels = Vec<(String, String)>;

impl Default for MetricRegistry {
    fn default() -> Self {
        Self::new(SCRAPE_BYTES)
    }
}

impl MetricRegistry {
    /// Creates a registry whose series have at most about this many bytes in a scrape. Further ones
    /// are left out, and `alga_metrics_are_cut` is then 1.
    #[must_use]
    pub fn new(scrape_bytes: usize) -> Self {
        Self {
            scrape_bytes,
            installs: Cache::builder()
                .max_capacity(INSTALLS)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }
    }
}

impl MetricRegistry {
    /// Records a value of a metric; `labels` are the label values in the order of the metric's
    /// keys.
    pub(super) fn count<'a>(
        &self,
        owner: &Identity,
        metric: &Metric,
        labels: impl Iterator<Item = &'a str>,
        value: f64,
    ) {
        let series = self.installs.get_with_by_ref(&owner.install, || {
            Arc::new(Mutex::new(Series {
                owner: owner.clone(),
                values: BTreeMap::new(),
            }))
        });
        let key = Key {
            metric: metric.name.clone(),
            labels: metric
                .labels
                .iter()
                .cloned()
                .zip(labels.map(ToOwned::to_owned))
                .collect(),
        };
        let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
        series.count(key, metric, value);
    }

    /// Returns copies of the series within the limits of a scrape, by metric, and whether they are
    /// all.
    fn within_limits(&self) -> (ByMetric, bool) {
        let mut installs: Vec<_> = self.installs.iter().collect();
        // The same ones at each scrape.
        installs.sort_by(|(install, _), (other, _)| install.cmp(other));
        let mut by_metric = ByMetric::new();
        let (mut bytes, mut are_all) = (0, true);
        for (_, series) in installs {
            let series = series.lock().unwrap_or_else(PoisonError::into_inner);
            let mut own_bytes = 0;
            for (key, value) in &series.values {
                let labels = labels_of(&series.owner, key);
                let cost = value.bytes(&key.metric, &labels);
                if bytes + own_bytes + cost > self.scrape_bytes || own_bytes + cost > INSTALL_BYTES {
                    are_all = false;
                    break;
                }
                own_bytes += cost;
                let metric = (key.metric.clone(), value.kind());
                by_metric.entry(metric).or_default().push((labels, value.clone()));
            }
            bytes += own_bytes;
        }
        (by_metric, are_all)
    }
}

impl Source for MetricRegistry {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let (by_metric, are_all) = self.within_limits();
        let mut names = Names::default();
        for ((metric, kind), series) in by_metric {
            let name = names.of(&metric, kind);
            let help = "A metric that extensions declare";
            match kind {
                MetricType::Counter => families.counters(&name, help, series.iter().map(Value::single))?,
                MetricType::Gauge => families.gauges(&name, help, series.iter().map(Value::single))?,
                MetricType::Histogram => families.histograms(&name, help, series.iter().filter_map(Value::observed))?,
            }
        }
        let help = "1 if series of extensions are missing because the scrape would be too large";
        families.gauge("alga_metrics_are_cut", help, u32::from(!are_all))
    }
}

/// Names of families in a scrape: two extensions may declare metrics whose names collide.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// Returns a name that no other family has, with none of the names of its lines.
    fn of(&mut self, metric: &str, kind: MetricType) -> String {
        let metric = match kind {
            MetricType::Counter => metric.strip_suffix("_total").unwrap_or(metric),
            _ => metric,
        };
        let mut name = format!("alga_extension_{metric}");
        loop {
            let lines = ["", "_total", "_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}"));
            if lines.iter().all(|line| !self.0.contains(line)) {
                self.0.extend(lines);
                return name;
            }
            name.push_str("_value");
        }
    }
}

impl Series {
    fn count(&mut self, key: Key, metric: &Metric, value: f64) {
        // Beyond the limit, each metric has one overflow series, and a manifest has few metrics.
        let key = if self.values.contains_key(&key) || self.values.len() < SERIES {
            key
        } else {
            let labels = key
                .labels
                .into_iter()
                .map(|(name, _)| (name, OTHER.to_owned()))
                .collect();
            Key { labels, ..key }
        };
        let slot = self.values.entry(key).or_insert_with(|| match metric.kind {
            MetricType::Counter => Value::Counter(0.0),
            MetricType::Gauge => Value::Gauge(0.0),
            MetricType::Histogram => Value::Histogram(Box::default()),
        });
        slot.record(metric.kind, value);
    }
}

impl Value {
    /// Adds a value. If an upgrade has changed the type of the metric, its series restarts.
    fn record(&mut self, kind: MetricType, value: f64) {
        match (&mut *self, kind) {
            (Self::Counter(sum), MetricType::Counter) => *sum += value,
            (_, MetricType::Counter) => *self = Self::Counter(value),
            (_, MetricType::Gauge) => *self = Self::Gauge(value),
            (Self::Histogram(histogram), MetricType::Histogram) => histogram.observe(&BUCKETS, value),
            (_, MetricType::Histogram) => {
                let mut histogram = Box::<Buckets<_>>::default();
                histogram.observe(&BUCKETS, value);
                *self = Self::Histogram(histogram);
            }
        }
    }

    fn kind(&self) -> MetricType {
        match self {
            Self::Counter(_) => MetricType::Counter,
            Self::Gauge(_) => MetricType::Gauge,
            Self::Histogram(_) => MetricType::Histogram,
        }
    }

    /// Returns about the bytes of its lines in a scrape.
    fn bytes(&self, metric: &str, labels: &Labels) -> usize {
        let labels: usize = labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let lines = match self {
            Self::Counter(_) | Self::Gauge(_) => 1,
            Self::Histogram(_) => BUCKETS.len() + 3,
        };
        lines * (metric.len() + labels + LINE_BYTES)
    }

    /// Returns labels and number of a series, as a family writes them.
    fn single((labels, value): &(Labels, Self)) -> (&[(String, String)], f64) {
        match value {
            Self::Counter(value) | Self::Gauge(value) => (labels, *value),
            Self::Histogram(_) => (labels, 0.0),
        }
    }

    fn observed((labels, value): &(Labels, Self)) -> Option<(&[(String, String)], Observed)> {
        match value {
            Self::Histogram(histogram) => Some((labels, histogram.observed(&BUCKETS))),
            Self::Counter(_) | Self::Gauge(_) => None,
        }
    }
}

/// Returns the labels of a series. Those of the host come first; their names begin with `alga_`,
/// which no declared key does.
fn labels_of(owner: &Identity, key: &Key) -> Labels {
    let own = [
        ("alga_tenant", owner.tenant.as_str()),
        ("alga_extension", owner.extension.as_str()),
        ("alga_install", owner.install.as_str()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let declared = key.labels.iter().map(|(name, value)| (name.clone(), printable(value)));
    own.into_iter().chain(declared).collect()
}

/// Replaces control characters, which some parsers treat as the end of a line.
fn printable(value: &str) -> String {
    let character = |character: char| if character.is_control() { '?' } else { character };
    value.chars().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alga_metrics::text_of;

    fn owner(install: &str) -> Identity {
        Identity {
            request: alga_bundle::RequestId::unique(),
            tenant: "acme".parse().unwrap(),
            extension: "e-1".parse().unwrap(),
            install: install.parse().unwrap(),
            version: None,
        }
    }

    fn metric(name: &str, kind: &str) -> Metric {
        serde_json::from_value(serde_json::json!({ "name": name, "type": kind, "labels": ["k"] })).unwrap()
    }

    #[test]
    fn a_million_labels_make_a_hundred_series_and_a_scrape_below_a_mebibyte() {
        let registry = Arc::new(MetricRegistry::default());
        for number in 0..1_000_000_u32 {
            registry.count(
                &owner("i-1"),
                &metric("calls", "histogram"),
                std::iter::once(number.to_string().as_str()),
                1.0,
            );
        }
        let text = text_of(Arc::clone(&registry));
        assert_eq!(text.matches("_count{").count(), SERIES + 1);
        assert!(
            text.contains("k=\"_other_\"} 999900"),
            "{}",
            text.lines().last().unwrap()
        );
        assert!(text.len() <= 1024 * 1024, "{}", text.len());
    }

    #[test]
    fn a_metric_label_cannot_inject_a_line_into_the_scrape() {
        let registry = Arc::new(MetricRegistry::default());
        registry.count(
            &owner("i-1"),
            &metric("calls", "counter"),
            std::iter::once("a\"} 1\nforged{x=\"\\\r\u{85}"),
            2.0,
        );
        let text = text_of(Arc::clone(&registry));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), 2, "{text}");
        assert!(text.contains(r#"k="a\"} 1?forged{x=\"\\??"} 2"#), "{text}");
    }

    #[test]
    fn values_are_aggregated_by_their_type() {
        let registry = Arc::new(MetricRegistry::default());
        for (name, kind) in [("c", "counter"), ("g", "gauge"), ("h", "histogram")] {
            for value in [0.02, 3.0] {
                registry.count(&owner("i-1"), &metric(name, kind), std::iter::once("x"), value);
            }
        }
        let text = text_of(Arc::clone(&registry));
        for line in [
            "_c_total{",
            "} 3.02",
            "_g{",
            "} 3.0\n",
            "le=\"0.025\"} 1",
            "le=\"5\"} 2",
            "h_sum{",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn a_million_labels_of_many_installs_are_a_scrape_below_a_megabyte() {
        let registry = Arc::new(MetricRegistry::default());
        for number in 0..1_000_000_u32 {
            let install = format!("i-{}", number % 2_000);
            let label = number.to_string();
            registry.count(
                &owner(&install),
                &metric("calls", "counter"),
                std::iter::once(label.as_str()),
                1.0,
            );
        }
        let text = text_of(Arc::clone(&registry));
        assert!(text.len() <= 1_000_000, "{}", text.len());
        assert!(text.contains("alga_metrics_are_cut 1\n"));
    }

    #[test]
    fn metrics_of_the_same_name_and_another_type_have_other_names() {
        let registry = Arc::new(MetricRegistry::default());
        let all = [
            ("calls", "counter"),
            ("calls", "gauge"),
            ("calls_total", "counter"),
            ("calls_sum", "gauge"),
        ];
        for (number, (name, kind)) in all.into_iter().enumerate() {
            let owner = owner(&format!("i-{number}"));
            registry.count(&owner, &metric(name, kind), std::iter::once("x"), 1.0);
        }
        let text = text_of(Arc::clone(&registry));
        let types: BTreeSet<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        assert_eq!(types.len(), all.len() + 1, "{text}");
        let samples = text.lines().filter(|line| line.starts_with("alga_extension_"));
        let names: BTreeSet<_> = samples
            .filter_map(|line| line.split_once('{'))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names.len(), all.len(), "{text}");
    }
}
