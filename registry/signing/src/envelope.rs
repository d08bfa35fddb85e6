//! DSSE, the Dead Simple Signing Envelope v1.0.2.

use crate::KeyId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes of an envelope that are looked at.
const ENVELOPE_BYTES: usize = 64 * 1024;
/// Signatures in one envelope.
const SIGNATURES: usize = 8;

/// The text is not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than anything real.
    #[error("the signature file has more than {ENVELOPE_BYTES} bytes")]
    TooLarge,
    /// Not the JSON of an envelope.
    #[error("the signature file is not a DSSE envelope: {0}")]
    Form(#[from] serde_json::Error),
    /// Its payload is not base64.
    #[error("the payload is not base64")]
    Payload,
    /// None, or more than anybody needs.
    #[error("an envelope has 1 to {SIGNATURES} signatures, this one has {0}")]
    Signatures(usize),
}

/// A payload with signatures over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: KeyId,
    sig: String,
}

impl Envelope {
    pub(crate) fn new(payload_type: &str, payload: &[u8], key: KeyId, signature: &[u8]) -> Self {
        let signatures = vec![EnvelopeSignature {
            keyid: key,
            sig: STANDARD.encode(signature),
        }];
        Self {
            payload_type: payload_type.to_owned(),
            payload: STANDARD.encode(payload),
            signatures,
        }
    }

    /// Reads an envelope; nothing is believed yet.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        if json.len() > ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge);
        }
        let envelope: Self = serde_json::from_slice(json)?;
        match envelope.signatures.len() {
            1..=SIGNATURES => Ok(envelope),
            count => Err(EnvelopeError::Signatures(count)),
        }
    }

    /// The envelope as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        STANDARD.decode(&self.payload).map_err(|_| EnvelopeError::Payload)
    }

    /// Key ids with their signatures; one that is not base64 verifies nothing and is left out.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = (&KeyId, Vec<u8>)> {
        self.signatures
            .iter()
            .filter_map(|signature| Some((&signature.keyid, STANDARD.decode(&signature.sig).ok()?)))
    }
}

/// What is signed: PAE of DSSE. Lengths make type and payload inseparable.
pub(crate) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}
