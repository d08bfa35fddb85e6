//! The revocation list of a server.

use crate::{Operation, RequestBody};
use alga_signing::RevocationList;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The active revocation list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevocationStatus {
    /// Epoch of the list; 0 before the first list.
    pub epoch: u64,
    /// The list; null before the first list.
    pub list: Option<RevocationList>,
    /// True if the list expired more than a day ago; until a newer one arrives, nothing can be
    /// published or installed.
    pub is_overdue: bool,
}

/// Returns the active list.
#[must_use]
pub fn revocations() -> Operation<RevocationStatus> {
    Operation::new("GET", &[&"revocations"])
}

/// Uploads a signed list: a DSSE envelope.
#[must_use]
pub fn send_revocations(envelope: Vec<u8>) -> Operation<RevocationStatus> {
    Operation::new("POST", &[&"revocations"]).body(RequestBody {
        content_type: "application/json".to_owned(),
        bytes: envelope,
    })
}
