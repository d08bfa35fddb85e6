use crate::{Ed25519Key, KeyError};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use p256::ecdsa::signature::{Signer, Verifier};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A short id of a key: the first 16 hexadecimal digits of the SHA-256 of an Ed25519 key's 32
/// bytes, or of a P-256 key's SPKI DER. It only helps to find a key and proves nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub(crate) String);

impl KeyId {
    fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)).chars().take(16).collect())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A private key that signs releases. Wiped from memory when dropped.
pub enum SigningKey {
    /// An Ed25519 key (RFC 8032).
    Ed25519(Ed25519Key),
    /// An ECDSA key with P-256 and SHA-256 (FIPS 186-5); signatures are DER with the smaller S.
    P256(p256::ecdsa::SigningKey),
}

impl SigningKey {
    /// Generates an Ed25519 key with the operating system's random generator.
    ///
    /// # Errors
    /// Returns [`KeyError::Randomness`] if the random generator fails.
    pub fn generate() -> Result<Self, KeyError> {
        Ed25519Key::generate().map(Self::Ed25519)
    }

    /// Generates a P-256 key with the operating system's random generator.
    ///
    /// # Errors
    /// Returns [`KeyError::Randomness`] if the random generator fails.
    pub fn generate_p256() -> Result<Self, KeyError> {
        loop {
            let mut secret = Zeroizing::new([0; 32]);
            getrandom::fill(secret.as_mut_slice()).map_err(KeyError::Randomness)?;
            // About one number in 2^32 is 0 or not below the curve's order: try again.
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(secret.as_slice()) {
                return Ok(Self::P256(key));
            }
        }
    }

    /// Reads PKCS #8 PEM (RFC 5958, RFC 8410, RFC 5915).
    ///
    /// # Errors
    /// Returns [`KeyError::Private`] if the text is not such a key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let p256 = || p256::ecdsa::SigningKey::from_pkcs8_pem(pem).map(Self::P256);
        Ed25519Key::from_pem(pem)
            .map(Self::Ed25519)
            .or_else(|_| p256())
            .map_err(|_| KeyError::Private)
    }

    /// Writes PKCS #8 PEM.
    ///
    /// # Errors
    /// Returns [`KeyError::Private`] if encoding fails, which does not happen for a valid key.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        match self {
            Self::Ed25519(key) => key.to_pem(),
            Self::P256(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Private),
        }
    }

    /// The public key that verifies this key's signatures.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        match self {
            Self::Ed25519(key) => VerifyingKey::Ed25519(key.verifying_key()),
            Self::P256(key) => VerifyingKey::P256(*key.verifying_key()),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                let signature = signature.normalize_s().unwrap_or(signature);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }
}

/// A public key. The key determines the algorithm; the signature never does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyingKey {
    /// An Ed25519 key.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// An ECDSA key with P-256 and SHA-256.
    P256(p256::ecdsa::VerifyingKey),
}

impl VerifyingKey {
    /// Reads SPKI PEM (RFC 8410, RFC 5480).
    ///
    /// # Errors
    /// Returns [`KeyError::Public`] if the text is not such a key, or is a weak Ed25519 point, for
    /// which signatures can be forged.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            return Ok(Self::P256(key));
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem).map_err(|_| KeyError::Public)?;
        if key.is_weak() {
            Err(KeyError::Public)
        } else {
            Ok(Self::Ed25519(key))
        }
    }

    /// Reads SPKI DER, the form of a key in a certificate.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::P256(key));
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_der(der).map_err(|_| KeyError::Public)?;
        if key.is_weak() {
            Err(KeyError::Public)
        } else {
            Ok(Self::Ed25519(key))
        }
    }

    /// Writes SPKI PEM.
    ///
    /// # Errors
    /// Returns [`KeyError::Public`] if encoding fails, which does not happen for a valid key.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = match self {
            Self::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_| KeyError::Public)
    }

    /// The key's short id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match self {
            Self::Ed25519(key) => KeyId::of(key.as_bytes()),
            Self::P256(key) => KeyId::of(
                key.to_public_key_der()
                    .map(|der| der.to_vec())
                    .unwrap_or_default()
                    .as_slice(),
            ),
        }
    }

    /// Returns the canonical form of a signature by another program. A P-256 signature has two
    /// valid values of S; the smaller one is canonical.
    #[must_use]
    pub fn canonical(&self, signature: Vec<u8>) -> Vec<u8> {
        let Self::P256(_) = self else { return signature };
        match p256::ecdsa::Signature::from_der(&signature) {
            Ok(parsed) => parsed.normalize_s().unwrap_or(parsed).to_der().as_bytes().to_vec(),
            Err(_) => signature,
        }
    }

    /// Verifies a signature strictly, so that each signature has only one valid encoding. Ed25519:
    /// canonical S, no small-order points (RFC 8032 5.1.7 and its errata). P-256: DER without
    /// trailing bytes, and the smaller S.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| signature.normalize_s().is_none() && key.verify(message, &signature).is_ok()),
        }
    }
}
