//! Garbage collection on request.

use crate::Operation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts of what garbage collection deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// Bundles that were stored and never published.
    pub bundles: usize,
    /// Uploads that were abandoned.
    pub uploads: usize,
}

/// Deletes bundles that were never published, and abandoned uploads.
#[must_use]
pub fn collect_garbage() -> Operation<Removed> {
    Operation::new("POST", &[&"garbage"])
}
