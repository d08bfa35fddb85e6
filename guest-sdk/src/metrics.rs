//! Counting and measuring (`alga:metrics`, granted by `cap:metrics.emit`).
//!
//! A metric and the keys of its labels are declared in the manifest: `"metrics": [{ "name": "agreements_created", "type": "counter", "labels": ["kind"] }]`.
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! alga::metrics::add("agreements_created", 1.0, &[("kind", "support")])?;
//! alga::metrics::observe("search_seconds", 0.2, &[])?;
//! # Ok(()) }
//! ```

use crate::bindings::alga::metrics::meter;
use crate::{Error, Result};

/// Adds to a counter.
///
/// # Errors
/// [`Error::Denied`] with the line to add when it is not declared so; [`Error::Invalid`] for what no counter takes.
pub fn add(name: &str, amount: f64, labels: &[(&str, &str)]) -> Result<()> {
    Ok(meter::add(name, amount, &owned(labels))?)
}

/// Sets a gauge.
///
/// # Errors
/// As [`add`].
pub fn set(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<()> {
    Ok(meter::set(name, value, &owned(labels))?)
}

/// Counts a value in a histogram.
///
/// # Errors
/// As [`add`].
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
