//! DSSE, the Dead Simple Signing Envelope v1.0.2, with three kinds of signatures: by a key, by a certificate's key, by a keyless identity. All of
//! them sign the same bytes.

use crate::KeyId;
use alga_bundle::read_json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes of an envelope that are looked at.
const ENVELOPE_BYTES: usize = 256 * 1024;
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
    #[serde(deserialize_with = "alga_bundle::objects")]
    signatures: Vec<EnvelopeSignature>,
}

/// As in the file. `certificates` and `sigstore` are ours; DSSE leaves room for such fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    #[serde(default)]
    keyid: KeyId,
    #[serde(default)]
    sig: String,
    /// Base64 of DER, the signer's own first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<String>,
    /// A sigstore bundle as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sigstore: Option<String>,
}

/// A signature that somebody claims to have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// By a key that the trust bundle holds.
    Key {
        /// Which.
        id: KeyId,
        /// The signature.
        signature: Vec<u8>,
    },
    /// By the key of a certificate.
    Certificate {
        /// DER, the signer's own first, without the root.
        chain: Vec<Vec<u8>>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// By a short-lived certificate that an identity got from a certificate authority of sigstore, and that a public log has seen.
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

    /// Reads an envelope; nothing is believed yet.
    ///
    /// # Errors
    /// When it is not one.
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

    /// The signatures; one that cannot be read verifies nothing and is left out.
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

/// What is signed: PAE of DSSE. Lengths make type and payload inseparable.
pub(crate) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The bytes of base64 text, which may end in a new line; none when it is anything else.
#[must_use]
pub fn base64_of(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD
        .decode(text.trim_ascii())
        .ok()
        .filter(|bytes| !bytes.is_empty())
}
