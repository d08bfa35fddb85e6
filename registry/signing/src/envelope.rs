//! DSSE, the Dead Simple Signing Envelope v1.0.2, with three kinds of signatures: by a key, by a
//! certificate's key, by a keyless identity. All kinds sign the same bytes.

use crate::KeyId;
use alga_bundle::read_json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The maximum size in bytes of an envelope.
const ENVELOPE_BYTES: usize = 256 * 1024;
/// The maximum number of signatures in one envelope.
const SIGNATURES: usize = 8;

/// An error of reading an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The envelope is larger than the limit of 256 KiB.
    #[error("the signature file has more than {ENVELOPE_BYTES} bytes")]
    TooLarge,
    /// The text is not the JSON of an envelope.
    #[error("the signature file is not a DSSE envelope: {0}")]
    Form(#[from] serde_json::Error),
    /// The payload is not base64.
    #[error("the payload is not base64")]
    Payload,
    /// The envelope has no signature, or more than eight.
    #[error("an envelope has 1 to {SIGNATURES} signatures, this one has {0}")]
    Signatures(usize),
}

/// A payload with signatures over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// The media type of the payload.
    pub payload_type: String,
    payload: String,
    #[serde(deserialize_with = "alga_bundle::objects")]
    signatures: Vec<EnvelopeSignature>,
}

/// A signature as serialized in the file. `certificates` and `sigstore` are this project's fields;
/// DSSE permits additional fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    #[serde(default)]
    keyid: KeyId,
    #[serde(default)]
    sig: String,
    /// Base64 of DER certificates, the signer's certificate first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<String>,
    /// A sigstore bundle as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigstore: Option<String>,
}

/// A claimed signature, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// A signature by a key of the trust bundle.
    Key {
        /// The key's id.
        id: KeyId,
        /// The signature's bytes.
        signature: Vec<u8>,
    },
    /// A signature by the key of a certificate.
    Certificate {
        /// The certificate chain in DER: the signer's certificate first, without the root.
        chain: Vec<Vec<u8>>,
        /// The signature's bytes.
        signature: Vec<u8>,
    },
    /// A signature by a short-lived certificate that a certificate authority of sigstore issued to
    /// an identity, and that is recorded in a public transparency log.
    Keyless {
        /// The JSON of a sigstore bundle, v0.1 to v0.3.
        bundle: String,
    },
}

impl Envelope {
    pub(crate) fn new(payload_type: &str, payload: &[u8], signature: &Signature) -> Self {
        Self {
            payload_type: payload_type.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![signature.into()],
        }
    }

    /// Reads an envelope without verifying its signatures.
    ///
    /// # Errors
    /// Returns [`EnvelopeError`] if the bytes are not an envelope within the limits.
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        if json.len() > ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge);
        }
        let envelope: Self = read_json(json)?;
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

    /// The signatures of the envelope. A malformed signature is skipped, because it cannot verify.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = Signature> {
        self.signatures.iter().filter_map(EnvelopeSignature::read)
    }
}

impl EnvelopeSignature {
    fn read(&self) -> Option<Signature> {
        let signature = STANDARD.decode(&self.sig).ok()?;
        match (&self.sigstore, self.certificates.as_slice()) {
            (Some(bundle), []) if signature.is_empty() => Some(Signature::Keyless { bundle: bundle.clone() }),
            (None, []) => Some(Signature::Key {
                id: self.keyid.clone(),
                signature,
            }),
            (None, certificates) => {
                let chain: Result<_, _> = certificates.iter().map(|text| STANDARD.decode(text)).collect();
                Some(Signature::Certificate {
                    chain: chain.ok()?,
                    signature,
                })
            }
            (Some(_), _) => None,
        }
    }
}

impl From<&Signature> for EnvelopeSignature {
    fn from(signature: &Signature) -> Self {
        match signature {
            Signature::Key { id, signature } => Self {
                keyid: id.clone(),
                sig: STANDARD.encode(signature),
                ..Self::default()
            },
            Signature::Certificate { chain, signature } => Self {
                sig: STANDARD.encode(signature),
                certificates: chain.iter().map(|der| STANDARD.encode(der)).collect(),
                ..Self::default()
            },
            Signature::Keyless { bundle } => Self {
                sigstore: Some(bundle.clone()),
                ..Self::default()
            },
        }
    }
}

/// Returns the bytes that are signed: DSSE's pre-authentication encoding (PAE). It contains the
/// lengths of type and payload, so that one cannot be confused with the other.
pub(crate) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Decodes base64 text, which may have white space around it. Returns `None` for anything else, and
/// for no bytes.
#[must_use]
pub fn base64_of(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD
        .decode(text.trim_ascii())
        .ok()
        .filter(|bytes| !bytes.is_empty())
}
