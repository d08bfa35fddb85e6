//! The audit log: every change, in a hash chain.

use crate::Operation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The entry after which the page begins.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Sequence number of the last entry of the previous page.
    #[serde(default)]
    pub after: i64,
}

/// A page of the audit log. Pass the last `sequence` as `after` for the next page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// Entries, oldest first.
    pub entries: Vec<AuditEntry>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Consecutive number of the entry, from 1, so that a missing one is detected.
    pub sequence: i64,
    /// Time of the change, in milliseconds since 1970.
    pub at_ms: i64,
    /// Actor that made the change.
    pub actor: String,
    /// Action that was performed.
    pub action: String,
    /// Tenant that the change concerns; empty if it concerns none.
    pub tenant: String,
    /// Changed object, by id or name.
    pub subject: String,
    /// New values of the changed object, as JSON.
    pub details: String,
    /// SHA-256 of this entry and the previous entry's hash.
    pub hash: String,
}

/// Result of verifying the audit log's hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditChain {
    /// Number of consecutive entries, from the first, whose hashes are correct.
    pub entries: i64,
    /// Hash of the last correct entry. A copy stored elsewhere proves later that the log was not
    /// truncated.
    pub head: String,
    /// Sequence number of the first missing or altered entry, if any.
    pub broken_at: Option<i64>,
}

/// Lists the entries after a sequence number; 0 begins with the first.
#[must_use]
pub fn audit_after(sequence: i64) -> Operation<AuditPage> {
    Operation::new("GET", &[&"audit"]).query("after", (sequence > 0).then_some(sequence))
}

/// Verifies the hash chain of the whole log.
#[must_use]
pub fn verify_audit() -> Operation<AuditChain> {
    Operation::new("GET", &[&"audit", &"verify"])
}
