//! The series of all extensions, for a scraper: of each install if the operator's metrics name
//! tenants, else of each extension.

use crate::Identity;
use alga_bundle::{Metric, MetricType};
use alga_metrics::{Buckets, Families, Observed, Source};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum series of one owner. Documented in `wit/deps/alga-metrics`.
const SERIES: usize = 100;
/// Label value of a metric's overflow series, which counts the values beyond that limit.
const OTHER: &str = "_other_";
/// Maximum series of one owner with the overflow series, of which each metric has one. Versions of
/// an extension may declare different metrics; values beyond are dropped.
const ALL_SERIES: usize = 2 * SERIES;
/// Maximum owners with series. The least recently used one is evicted, and its counters restart
/// at 0.
const OWNERS: u64 = 2_000;
/// Upper bounds of a histogram's buckets: the default of Prometheus client libraries.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Maximum bytes of all series in a scrape by default: with the metrics of the host, a scrape is
/// below a megabyte.
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
    owners: Cache<String, Arc<Mutex<Series>>>,
    settings: MetricSettings,
}

/// The metrics of extensions in a scrape.
#[derive(Debug, Clone, Copy)]
pub struct MetricSettings {
    /// The owner of a series.
    pub owner: MetricOwner,
    /// Maximum bytes of all series in a scrape. Further ones are left out, and
    /// `alga_metrics_are_cut` is then 1.
    pub scrape_bytes: usize,
}

/// The owner of a series, whose values are added up in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricOwner {
    /// All installs of an extension: the host adds no label that names a tenant. A gauge has the
    /// value that was set last.
    Extension,
    /// One install; its series name the tenant.
    Install,
}

/// The series of one owner.
struct Series {
    /// The labels that the host adds.
    own_labels: Vec<(&'static str, String)>,
    values: BTreeMap<Key, Value>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    metric: String,
    /// Versions of an extension may give a name to metrics of different types.
    kind: MetricType,
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

impl Default for MetricSettings {
    /// Those of each install.
    fn default() -> Self {
        Self {
            owner: MetricOwner::Install,
            scrape_bytes: SCRAPE_BYTES,
        }
    }
}

fn lock(series: &Mutex<Series>) -> MutexGuard<'_, Series> {
    // Nothing that holds the lock panics.
    series.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MetricRegistry {
    /// Creates a registry without series.
    #[must_use]
    pub fn new(settings: MetricSettings) -> Self {
        Self {
            settings,
            owners: Cache::builder()
                .max_capacity(OWNERS)
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
        install: &Identity,
        metric: &Metric,
        labels: impl Iterator<Item = &'a str>,
        value: f64,
    ) {
        let owner = match self.settings.owner {
            MetricOwner::Extension => install.extension.as_str(),
            MetricOwner::Install => install.install.as_str(),
        };
        let series = self.owners.get_with_by_ref(owner, || {
            Arc::new(Mutex::new(Series {
                own_labels: self.settings.owner.labels(install),
                values: BTreeMap::new(),
            }))
        });
        let key = Key {
            metric: metric.name.clone(),
            kind: metric.kind,
            labels: metric
                .labels
                .iter()
                .cloned()
                .zip(labels.map(ToOwned::to_owned))
                .collect(),
        };
        lock(&series).count(key, value);
    }

    /// Returns copies of the series within the limit of a scrape, by metric, and whether they are
    /// all. Each owner has the same share of the scrape, and what small ones leave of theirs is
    /// for the others: none hides another one.
    fn within_limits(&self) -> (ByMetric, bool) {
        let owners = self.owners.iter().map(|(owner, series)| {
            let bytes = lock(&series).bytes();
            (bytes, owner, series)
        });
        let mut owners: Vec<_> = owners.collect();
        owners.sort_by(|(bytes, owner, _), (others, other, _)| bytes.cmp(others).then_with(|| owner.cmp(other)));
        let mut by_metric = ByMetric::new();
        let (mut left, mut are_all) = (self.settings.scrape_bytes, true);
        for (position, (_, _, series)) in owners.iter().enumerate() {
            let share = left / (owners.len() - position);
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

impl MetricOwner {
    fn labels(self, install: &Identity) -> Vec<(&'static str, String)> {
        let extension = ("alga_extension", install.extension.to_string());
        match self {
            Self::Extension => vec![extension],
            Self::Install => vec![
                ("alga_tenant", install.tenant.to_string()),
                extension,
                ("alga_install", install.install.to_string()),
            ],
        }
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
        let mut last = None;
        let series = self.values.iter().map(|(key, value)| {
            let is_first = last.replace(key.family()) != Some(key.family());
            value.bytes(&self.own_labels, key, is_first)
        });
        series.sum()
    }

    /// Copies as many series as have these bytes in a scrape; returns their bytes, and whether they
    /// are all.
    fn copy_within(&self, share: usize, by_metric: &mut ByMetric) -> (usize, bool) {
        let (mut all_bytes, mut last) = (0, None);
        for (key, value) in &self.values {
            let is_first = last.replace(key.family()) != Some(key.family());
            let bytes = value.bytes(&self.own_labels, key, is_first);
            if all_bytes + bytes > share {
                return (all_bytes, false);
            }
            all_bytes += bytes;
            let series = by_metric.entry((key.metric.clone(), key.kind)).or_default();
            series.push((labels_of(&self.own_labels, key), value.clone()));
        }
        (all_bytes, true)
    }

    fn count(&mut self, key: Key, value: f64) {
        let key = if self.values.contains_key(&key) || self.values.len() < SERIES {
            key
        } else {
            key.overflow()
        };
        if !self.values.contains_key(&key) && self.values.len() >= ALL_SERIES {
            return;
        }
        let slot = self.values.entry(key);
        let kind = slot.key().kind;
        slot.or_insert_with(|| Value::new(kind)).record(value);
    }
}

impl Key {
    fn family(&self) -> (&str, MetricType) {
        (&self.metric, self.kind)
    }

    /// Returns the series of the same metric for values that have none of their own.
    fn overflow(self) -> Self {
        let labels = self.labels.into_iter().map(|(name, _)| (name, OTHER.to_owned()));
        Self {
            labels: labels.collect(),
            ..self
        }
    }
}

impl Value {
    fn new(kind: MetricType) -> Self {
        match kind {
            MetricType::Counter => Self::Counter(0.0),
            MetricType::Gauge => Self::Gauge(0.0),
            MetricType::Histogram => Self::Histogram(Box::default()),
        }
    }

    /// Adds a value, which is finite. A sum stays finite.
    fn record(&mut self, value: f64) {
        match self {
            Self::Counter(sum) => *sum = (*sum + value).min(f64::MAX),
            Self::Gauge(last) => *last = value,
            Self::Histogram(histogram) => histogram.observe(&BUCKETS, value),
        }
    }

    /// Returns at least the bytes of its lines in a scrape, with those that describe the metric if
    /// it is the metric's first series.
    fn bytes(&self, own_labels: &[(&'static str, String)], key: &Key, is_first: bool) -> usize {
        let own = own_labels.iter().map(|(name, value)| (*name, value.as_str()));
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
fn labels_of(own_labels: &[(&'static str, String)], key: &Key) -> Labels {
    let own = own_labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let declared = key.labels.iter().map(|(name, value)| (name.clone(), printable(value)));
    own.chain(declared).collect()
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
mod tests;
