//! What the registry says about a release that it took: which capabilities it proved, and when it came. Signed by the registry, kept beside the bundle. The time
//! is what certificates and retired keys are judged by later.

use crate::envelope::pre_authentication_encoding;
use crate::{Envelope, Signature, SigningKey, Statement, VerifyingKey};
use alga_bundle::read_json;
use alga_bundle::{CapabilityProof, Digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const PAYLOAD_TYPE: &str = "application/vnd.alga.receipt+json";

/// The registry's word about a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// What was released.
    pub statement: Statement,
    /// By whom, as [`crate::Signer`] shows it.
    pub signer: String,
    /// What the component can touch, whole.
    pub capability_proof: CapabilityProof,
    /// When the registry had it.
    pub received_at: Timestamp,
}

impl Receipt {
    /// Signs it for the registry.
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

    /// Reads a receipt that this registry signed for this content; none when it is anything else.
    #[must_use]
    pub fn read(envelope: &[u8], registry: &VerifyingKey, content_hash: Digest) -> Option<Self> {
        let envelope = Envelope::parse(envelope).ok()?;
        let payload = envelope.payload().ok()?;
        let message = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        let is_ours = |signature: Signature| match signature {
            Signature::Key { signature, .. } => registry.verifies(&message, &signature),
            _ => false,
        };
        let is_signed = envelope.payload_type == PAYLOAD_TYPE && envelope.signatures().any(is_ours);
        let receipt: Self = is_signed.then(|| read_json(&payload).ok()).flatten()?;
        (receipt.statement.bundle == content_hash).then_some(receipt)
    }
}
