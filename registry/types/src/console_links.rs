//! One-time links by which an operator signs a browser in.

use crate::Operation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A link that begins a session of its creator, once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleLink {
    /// Path and query of the link at the registry's address.
    pub path: String,
    /// Seconds for which the link is valid.
    pub lifetime_seconds: u64,
}

/// Creates a link.
#[must_use]
pub fn create_console_link() -> Operation<ConsoleLink> {
    Operation::new("POST", &[&"console-links"])
}
