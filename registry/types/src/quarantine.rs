//! Extensions that were executing when runners crashed.

use crate::Operation;
use alga_bundle::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Extensions that were executing when a runner crashed, the latest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Quarantined {
    /// All of them.
    pub extensions: Vec<CrashedExtension>,
}

/// An extension that was executing when a runner crashed. After three crashes within an hour of
/// each other it is quarantined, for longer each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrashedExtension {
    /// Content hash of its bundle.
    pub content_hash: Digest,
    /// Number of crashes within an hour of each other of which it was certainly the cause, or 1 if
    /// it may have been.
    pub crashes: u32,
    /// Time of the last one, in milliseconds since 1970.
    pub last_at_ms: i64,
    /// Number of quarantines.
    pub quarantines: u32,
    /// End of the present quarantine, in milliseconds since 1970; null if there is none.
    pub quarantined_until_ms: Option<i64>,
}

/// Lists extensions that were executing when a runner crashed.
#[must_use]
pub fn quarantined() -> Operation<Quarantined> {
    Operation::new("GET", &[&"quarantine"])
}

/// Lifts the quarantine of an extension and deletes its crashes.
#[must_use]
pub fn lift_quarantine(content_hash: &Digest) -> Operation<()> {
    Operation::new("DELETE", &[&"quarantine", content_hash])
}
