//! The registry's receipt for a published release: its statement, the proven capabilities, and the
//! time of receipt. The registry signs it and stores it with the bundle. Later, certificates and
//! retired keys are evaluated as of that time.

use crate::envelope::pre_authentication_encoding;
use crate::{Envelope, Signature, SigningKey, Statement, VerifyingKey};
use alga_bundle::read_json;
use alga_bundle::{CapabilityProof, Digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const PAYLOAD_TYPE: &str = "application/vnd.alga.receipt+json";

/// The registry's signed record of a published release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The statement of the release.
    pub statement: Statement,
    /// The signer, as [`crate::Signer`] formats it.
    pub signer: String,
    /// The complete capability proof of the component.
    pub capability_proof: CapabilityProof,
    /// The time at which the registry received the release.
    pub received_at: Timestamp,
}

impl Receipt {
    /// Signs the receipt with the registry's key.
    #[must_use]
    pub fn sign(&self, registry: &SigningKey) -> Envelope {
        // Structs of strings always have a JSON form.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        let signature = Signature::Key {
            id: registry.verifying_key().id(),
            signature: registry.sign(&pre_authentication_encoding(PAYLOAD_TYPE, &payload)),
        };
        Envelope::new(PAYLOAD_TYPE, &payload, &signature)
    }

    /// Reads a receipt that this registry signed for this content. Returns `None` for anything
    /// else.
    #[must_use]
    pub fn read(envelope: &[u8], registry: &VerifyingKey, content_hash: Digest) -> Option<Self> {
        let envelope = Envelope::parse(envelope).ok()?;
        let payload = envelope.payload().ok()?;
        let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        let is_by_registry = |signature: Signature| match signature {
            Signature::Key { signature, .. } => registry.verifies(&message, &signature),
            _ => false,
        };
        let is_signed = envelope.payload_type == PAYLOAD_TYPE && envelope.signatures().any(is_by_registry);
        let receipt: Self = is_signed.then(|| read_json(&payload).ok()).flatten()?;
        (receipt.statement.bundle == content_hash).then_some(receipt)
    }
}
