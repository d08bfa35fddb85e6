//! A sealed secret as it is stored.

use serde::{Deserialize, Serialize};

/// How a secret was sealed. There is no default: an envelope that does not say is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), nonce and tag with the ciphertext.
    #[serde(rename = "xchacha20-poly1305")]
    XChaCha20Poly1305,
    /// Vault's transit engine; the ciphertext is what it answered.
    #[serde(rename = "vault-transit")]
    VaultTransit,
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
            Self::VaultTransit => "vault-transit",
        }
    }
}

/// A sealed secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretEnvelope {
    /// By what it was sealed.
    pub algorithm: Algorithm,
    /// With which key.
    pub key_id: String,
    /// Base64 of nonce and ciphertext, or the text of the service.
    pub ciphertext: String,
}

impl SecretEnvelope {
    /// Reads a stored envelope.
    ///
    /// # Errors
    /// When a field is missing, unknown, or of another form.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        alga_bundle::read_json(json.as_bytes())
    }

    /// The envelope as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Three strings always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}
