//! The series of all installs, for a scraper.

use crate::Identity;
use alga_bundle::{InstallId, Metric, MetricType};
use alga_metrics::{Buckets, Families, Observed, Source};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
/// Bytes of a line beside the metric's name and the labels: what is added to the name, a number,
/// and the bound of a bucket.
const LINE_BYTES: usize = 80;
/// The same for the two lines with the help text and the type of a metric.
const HEAD_BYTES: usize = 120;
/// Help text of all of them.
const HELP: &str = "A metric that extensions declare";

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

fn lock(series: &Mutex<Series>) -> MutexGuard<'_, Series> {
    // Nothing that holds the lock panics.
    series.lock().unwrap_or_else(PoisonError::into_inner)
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
        lock(&series).count(key, metric, value);
    }

    /// Returns copies of the series within the limit of a scrape, by metric, and whether they are
    /// all. Each install has the same share of the scrape, and what small ones leave of theirs is
    /// for the others: none hides another one.
    fn within_limits(&self) -> (ByMetric, bool) {
        let installs = self.installs.iter().map(|(install, series)| {
            let bytes = lock(&series).bytes();
            (bytes, install, series)
        });
        let mut installs: Vec<_> = installs.collect();
        installs.sort_by(|(bytes, install, _), (others, other, _)| bytes.cmp(others).then_with(|| install.cmp(other)));
        let mut by_metric = ByMetric::new();
        let (mut left, mut are_all) = (self.scrape_bytes, true);
        for (position, (_, _, series)) in installs.iter().enumerate() {
            let share = left / (installs.len() - position);
            let (bytes, is_complete) = lock(series).copy_within(share, &mut by_metric);
            left -= bytes;
            are_all &= is_complete;
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
            match kind {
                MetricType::Counter => families.counters(&name, HELP, series.iter().map(Value::single))?,
                MetricType::Gauge => families.gauges(&name, HELP, series.iter().map(Value::single))?,
                MetricType::Histogram => families.histograms(&name, HELP, series.iter().filter_map(Value::observed))?,
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
    /// Returns at least the bytes of all series in a scrape.
    fn bytes(&self) -> usize {
        let mut last = "";
        let series = self.values.iter().map(|(key, value)| {
            let bytes = value.bytes(&self.owner, key, key.metric != last);
            last = &key.metric;
            bytes
        });
        series.sum()
    }

    /// Copies as many series as have these bytes in a scrape; returns their bytes, and whether they
    /// are all.
    fn copy_within(&self, share: usize, by_metric: &mut ByMetric) -> (usize, bool) {
        let (mut all_bytes, mut last) = (0, "");
        for (key, value) in &self.values {
            let bytes = value.bytes(&self.owner, key, key.metric != last);
            if all_bytes + bytes > share {
                return (all_bytes, false);
            }
            all_bytes += bytes;
            last = &key.metric;
            let series = by_metric.entry((key.metric.clone(), value.kind())).or_default();
            series.push((labels_of(&self.owner, key), value.clone()));
        }
        (all_bytes, true)
    }

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

    /// Returns at least the bytes of its lines in a scrape, with those that describe the metric if
    /// it is the metric's first series.
    fn bytes(&self, owner: &Identity, key: &Key, is_first: bool) -> usize {
        let own = own_labels(owner).into_iter();
        let declared = key.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels: usize = own
            .chain(declared)
            .map(|(name, value)| name.len() + escaped_bytes(value) + r#"="","#.len())
            .sum();
        let lines = match self {
            Self::Counter(_) | Self::Gauge(_) => 1,
            Self::Histogram(_) => BUCKETS.len() + 3,
        };
        let head = if is_first { 2 * key.metric.len() + HEAD_BYTES } else { 0 };
        head + lines * (key.metric.len() + labels + LINE_BYTES)
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
    let own = own_labels(owner).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let declared = key.labels.iter().map(|(name, value)| (name.clone(), printable(value)));
    own.into_iter().chain(declared).collect()
}

fn own_labels(owner: &Identity) -> [(&'static str, &str); 3] {
    [
        ("alga_tenant", owner.tenant.as_str()),
        ("alga_extension", owner.extension.as_str()),
        ("alga_install", owner.install.as_str()),
    ]
}

/// Returns the bytes of a label's value between its quotation marks.
fn escaped_bytes(value: &str) -> usize {
    let escaped = |byte: &u8| matches!(byte, b'"' | b'\\');
    value.len() + value.bytes().filter(escaped).count()
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
    fn the_longest_names_and_labels_are_a_scrape_below_a_megabyte() {
        let registry = Arc::new(MetricRegistry::default());
        let label = "\"".repeat(128);
        for install in 0..300 {
            let owner = owner(&format!("i-{install}"));
            for (number, kind) in ["counter", "gauge", "histogram"]
                .into_iter()
                .cycle()
                .take(SERIES)
                .enumerate()
            {
                let name = format!("{number:064}{install:064}");
                registry.count(&owner, &metric(&name, kind), std::iter::once(label.as_str()), f64::MAX);
            }
        }
        let text = text_of(Arc::clone(&registry));
        assert!(text.len() <= SCRAPE_BYTES + 500, "{}", text.len());
        assert!(text.len() > SCRAPE_BYTES / 2, "{}", text.len());
    }

    #[test]
    fn installs_with_many_series_hide_no_other_install() {
        let registry = Arc::new(MetricRegistry::default());
        for install in 0..10 {
            for number in 0..1_000_u32 {
                let label = number.to_string();
                let labels = std::iter::once(label.as_str());
                registry.count(
                    &owner(&format!("a-{install}")),
                    &metric("calls", "histogram"),
                    labels,
                    1.0,
                );
            }
        }
        registry.count(&owner("z-1"), &metric("own", "counter"), std::iter::once("x"), 1.0);
        let text = text_of(Arc::clone(&registry));
        assert!(text.contains("alga_metrics_are_cut 1\n"));
        assert!(text.contains("alga_extension_own_total{"), "{text}");
        for install in 0..10 {
            assert!(text.contains(&format!("alga_install=\"a-{install}\"")), "{install}");
        }
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
