//! `alga:metrics`: values of metrics that the manifest declares, aggregated in this process for the
//! metrics scraper.

use crate::metric_registry::MetricRegistry;
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, HostDependencies, Permit, Release, StoreData};
use alga_bundle::{Capability, Metric, MetricType};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:metrics/imports@1.0.0" });

use alga::metrics::meter;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:metrics.emit",
    interface: "alga:metrics/meter",
    version: (1, 0, 0),
    granted_by_default: true,
    used_by_pages: false,
    sends: false,
    promise: "counters, gauges and histograms that the manifest declares; bounded in series",
};

/// Maximum bytes of a label's value.
const LABEL_BYTES: usize = 128;

#[derive(Clone)]
pub(crate) struct Service {
    registry: Arc<MetricRegistry>,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            registry: Arc::clone(&host_dependencies.metrics),
        }
    }
}

pub(crate) struct State {
    calls: TracedCalls,
    permit: Arc<Permit>,
    release: Arc<Release>,
    service: Service,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            permit: Arc::clone(execution_context.permit),
            release: Arc::clone(execution_context.release),
            service: service.clone(),
        }
    }

    fn record(&self, kind: MetricType, name: &str, value: f64, labels: &[meter::Label]) -> Result<(), meter::Error> {
        let declared = self
            .release
            .manifest()
            .metrics
            .iter()
            .find(|metric| metric.name == name && metric.kind == kind);
        let metric = declared.filter(|metric| has_keys(metric, labels));
        let metric = metric.ok_or_else(|| undeclared(kind, name, labels))?;
        if !value.is_finite() || (kind == MetricType::Counter && value < 0.0) {
            return Err(invalid(
                "a value is finite, and what is added to a counter is not negative",
            ));
        }
        if labels.iter().any(|label| label.value.len() > LABEL_BYTES) {
            return Err(invalid("a label's value has at most 128 bytes"));
        }
        let value_of = |key: &String| {
            labels
                .iter()
                .find(|label| label.key == *key)
                .map_or("", |label| label.value.as_str())
        };
        let values = metric.labels.iter().map(value_of);
        self.service
            .registry
            .count(&self.permit.identity, metric, values, value);
        Ok(())
    }
}

fn has_keys(metric: &Metric, labels: &[meter::Label]) -> bool {
    let given = |key: &String| labels.iter().filter(|label| label.key == *key).count() == 1;
    metric.labels.len() == labels.len() && metric.labels.iter().all(given)
}

fn invalid(rule: &str) -> meter::Error {
    meter::Error::InvalidInput(rule.to_owned())
}

/// Returns the error with the manifest line to add. The guest's texts in the line are truncated, so
/// that the error is small.
fn undeclared(kind: MetricType, name: &str, labels: &[meter::Label]) -> meter::Error {
    let cut = |text: &str| -> String { text.chars().take(64).collect() };
    let keys: Vec<String> = labels.iter().take(8).map(|label| cut(&label.key)).collect();
    let line = serde_json::json!({ "name": cut(name), "type": kind, "labels": keys });
    meter::Error::Undeclared(format!("add {line} to \"metrics\" in manifest.json"))
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    meter::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl meter::Host for State {
    fn add(&mut self, name: String, amount: f64, labels: Vec<meter::Label>) -> Result<(), meter::Error> {
        self.calls.function("add");
        self.record(MetricType::Counter, &name, amount, &labels)
    }

    fn set(&mut self, name: String, value: f64, labels: Vec<meter::Label>) -> Result<(), meter::Error> {
        self.calls.function("set");
        self.record(MetricType::Gauge, &name, value, &labels)
    }

    fn observe(&mut self, name: String, value: f64, labels: Vec<meter::Label>) -> Result<(), meter::Error> {
        self.calls.function("observe");
        self.record(MetricType::Histogram, &name, value, &labels)
    }
}
