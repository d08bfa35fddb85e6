//! Counters, gauges and histograms (`alga:metrics`, granted by `cap:metrics.emit`).
//!
//! A metric and the keys of its labels are declared in the manifest:
//! `"metrics": [{ "name": "agreements_created", "type": "counter", "labels": ["kind"] }]`.
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! alga::metrics::add("agreements_created", 1.0, &[("kind", "support")])?;
//! alga::metrics::observe("search_seconds", 0.2, &[])?;
//! # Ok(()) }
//! ```

use crate::bindings::alga::metrics::meter;
use crate::{Error, Result};

/// Adds an amount to a counter.
///
/// # Errors
/// Returns [`Error::Denied`] with the line to add if the manifest does not declare this metric with
/// these labels and this type, [`Error::Invalid`] if the value or a label is invalid.
pub fn add(name: &str, amount: f64, labels: &[(&str, &str)]) -> Result<()> {
    Ok(meter::add(name, amount, &owned(labels))?)
}

/// Sets the value of a gauge.
///
/// # Errors
/// Returns the errors of [`add`].
pub fn set(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<()> {
    Ok(meter::set(name, value, &owned(labels))?)
}

/// Records a value in a histogram.
///
/// # Errors
/// Returns the errors of [`add`].
pub fn observe(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<()> {
    Ok(meter::observe(name, value, &owned(labels))?)
}

fn owned(labels: &[(&str, &str)]) -> Vec<meter::Label> {
    let label = |(key, value): &(&str, &str)| meter::Label {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    labels.iter().map(label).collect()
}

impl From<meter::Error> for Error {
    fn from(error: meter::Error) -> Self {
        match error {
            meter::Error::Undeclared(text) => Self::Denied(text),
            meter::Error::InvalidInput(text) => Self::Invalid(text),
            meter::Error::Other(text) => Self::Internal(text),
        }
    }
}
