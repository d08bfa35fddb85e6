//! The series of all installs, and their text for a scraper (Prometheus text format 0.0.4).

use crate::Identity;
use alga_bundle::{InstallId, Metric, MetricType};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::fmt::Write as _;
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
/// Maximum bytes of a scrape. Further series are omitted, and `alga_metrics_are_cut` is then 1.
const SCRAPE_BYTES: usize = 8 * 1024 * 1024;
/// Maximum bytes of one install in a scrape, so that no install crowds out others.
const INSTALL_BYTES: usize = 256 * 1024;

/// Aggregates the metrics of extensions.
pub struct MetricRegistry {
    installs: Cache<InstallId, Arc<Mutex<Series>>>,
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

enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Box<Histogram>),
}

#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Default for MetricRegistry {
    fn default() -> Self {
        Self {
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

    /// Renders all series as text. The metric names begin with `alga_extension_`.
    #[must_use]
    pub fn render(&self) -> String {
        let mut by_metric: BTreeMap<String, String> = BTreeMap::new();
        let mut bytes = 0;
        let mut is_truncated = false;
        for (_, series) in &self.installs {
            let series = series.lock().unwrap_or_else(PoisonError::into_inner);
            let mut own_bytes = 0;
            for (key, value) in &series.values {
                if bytes + own_bytes > SCRAPE_BYTES || own_bytes > INSTALL_BYTES {
                    is_truncated = true;
                    break;
                }
                let lines = by_metric.entry(key.metric.clone()).or_default();
                let before = lines.len();
                value.write(lines, &key.metric, &labels_of(&series.owner, key));
                own_bytes += lines.len() - before;
            }
            bytes += own_bytes;
        }
        let mut text: String = by_metric.into_values().collect();
        writeln!(text, "alga_metrics_are_cut {}", u8::from(is_truncated)).ok();
        text
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
            (Self::Histogram(histogram), MetricType::Histogram) => histogram.record(value),
            (_, MetricType::Histogram) => {
                let mut histogram = Box::<Histogram>::default();
                histogram.record(value);
                *self = Self::Histogram(histogram);
            }
        }
    }

    fn write(&self, into: &mut String, metric: &str, labels: &str) {
        // Writing to a string cannot fail.
        match self {
            Self::Counter(value) | Self::Gauge(value) => {
                writeln!(into, "alga_extension_{metric}{{{labels}}} {value}").ok()
            }
            Self::Histogram(histogram) => {
                for (bound, count) in BUCKETS.iter().zip(histogram.buckets) {
                    writeln!(
                        into,
                        "alga_extension_{metric}_bucket{{{labels},le=\"{bound}\"}} {count}"
                    )
                    .ok();
                }
                let Histogram { count, sum, .. } = **histogram;
                writeln!(into, "alga_extension_{metric}_bucket{{{labels},le=\"+Inf\"}} {count}").ok();
                writeln!(into, "alga_extension_{metric}_sum{{{labels}}} {sum}").ok();
                writeln!(into, "alga_extension_{metric}_count{{{labels}}} {count}").ok()
            }
        };
    }
}

impl Histogram {
    fn record(&mut self, value: f64) {
        for (bound, count) in BUCKETS.iter().zip(&mut self.buckets) {
            *count += u64::from(value <= *bound);
        }
        self.count += 1;
        self.sum += value;
    }
}

/// Formats the labels of a series. Those of the host come first; their names begin with `alga_`,
/// which no declared key does.
fn labels_of(owner: &Identity, key: &Key) -> String {
    let mut text = format!(
        "alga_tenant=\"{}\",alga_extension=\"{}\",alga_install=\"{}\"",
        owner.tenant, owner.extension, owner.install
    );
    for (name, value) in &key.labels {
        write!(text, ",{name}=\"{}\"", escaped(value)).ok();
    }
    text
}

/// Escapes a label's value (Prometheus text format 0.0.4). Replaces control characters, which some
/// parsers treat as the end of a line.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other if other.is_control() => text.push('?'),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let registry = MetricRegistry::default();
        for number in 0..1_000_000_u32 {
            registry.count(
                &owner("i-1"),
                &metric("calls", "histogram"),
                std::iter::once(number.to_string().as_str()),
                1.0,
            );
        }
        let text = registry.render();
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
        let registry = MetricRegistry::default();
        registry.count(
            &owner("i-1"),
            &metric("calls", "counter"),
            std::iter::once("a\"} 1\nforged{x=\"\\\r\u{85}"),
            2.0,
        );
        let text = registry.render();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r#"k="a\"} 1\nforged{x=\"\\"#), "{text}");
    }

    #[test]
    fn values_are_aggregated_by_their_type() {
        let registry = MetricRegistry::default();
        for (name, kind) in [("c", "counter"), ("g", "gauge"), ("h", "histogram")] {
            for value in [0.02, 3.0] {
                registry.count(&owner("i-1"), &metric(name, kind), std::iter::once("x"), value);
            }
        }
        let text = registry.render();
        for line in [
            "_c{",
            "} 3.02",
            "_g{",
            "} 3\n",
            "le=\"0.025\"} 1",
            "le=\"5\"} 2",
            "h_sum{",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
