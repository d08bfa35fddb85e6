//! The stored form of a sealed secret.

use serde::{Deserialize, Serialize};

/// The algorithm that sealed a secret. It has no default: an envelope without one is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha); nonce and tag are stored with the ciphertext.
    #[serde(rename = "xchacha20-poly1305")]
    XChaCha20Poly1305,
    /// Vault's transit engine; the ciphertext is the text that Vault returned.
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

/// The stored form of a sealed secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretEnvelope {
    /// The algorithm that sealed the secret.
    pub algorithm: Algorithm,
    /// The id of the key that sealed the secret; for Vault, the key's name.
    pub key_id: String,
    /// Base64 of nonce and ciphertext, or the text that Vault returned.
    pub ciphertext: String,
}

impl SecretEnvelope {
    /// Parses a stored envelope.
    ///
    /// # Errors
    /// Returns a [`serde_json::Error`] if a field is missing, unknown, duplicated or malformed.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        alga_bundle::read_json(json.as_bytes())
    }

    /// Serializes the envelope as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serializing three strings cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
