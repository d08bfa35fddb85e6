use crate::Metrics;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use std::time::Duration;

/// Upper bounds in seconds: from a refusal by a guest to the longest execution.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Maximum characters of the labels of an exemplar (OpenMetrics 1.0, "Exemplars").
const EXEMPLAR_CHARACTERS: usize = 128;
const REQUEST: &str = "request";

type Outcome = [(&'static str, &'static str); 1];
type Request = [(&'static str, String); 1];

/// Durations of executions that have a record, with the id of such a request as an exemplar of each
/// bucket: from a peak in a plot, it leads to the log of one execution.
#[derive(Debug, Clone)]
pub struct RecordedDurations(Family<Outcome, HistogramWithExemplars<Request>, NewHistogram>);

#[derive(Debug, Clone)]
struct NewHistogram;

impl MetricConstructor<HistogramWithExemplars<Request>> for NewHistogram {
    fn new_metric(&self) -> HistogramWithExemplars<Request> {
        HistogramWithExemplars::new(BOUNDS.into_iter())
    }
}

impl RecordedDurations {
    /// Creates the durations, and adds them to the metrics.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let family = Family::new_with_constructor(NewHistogram);
        let help = "Durations of executions with a record, with the id of a request as exemplar";
        metrics.register("alga_recorded_execution_duration_seconds", help, family.clone());
        Self(family)
    }

    /// Counts an execution that has a record.
    pub fn observe(&self, outcome: &'static str, duration: Duration, request: &str) {
        let fits = request.len() + REQUEST.len() <= EXEMPLAR_CHARACTERS;
        let exemplar = fits.then(|| [(REQUEST, request.to_owned())]);
        let histogram = self.0.get_or_create(&[("outcome", outcome)]);
        histogram.observe(duration.as_secs_f64(), exemplar, None);
    }
}
