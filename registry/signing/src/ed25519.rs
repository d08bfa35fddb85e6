use crate::KeyError;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

/// An Ed25519 private key (RFC 8032). Wiped from memory when dropped.
pub struct Ed25519Key(SigningKey);

impl Ed25519Key {
    /// Generates a new key with the operating system's random generator.
    ///
    /// # Errors
    /// Returns [`KeyError::Randomness`] if the random generator fails.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(KeyError::Randomness)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads PKCS #8 PEM (RFC 5958, RFC 8410).
    ///
    /// # Errors
    /// Returns [`KeyError::Private`] if the text is not such a key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::Private)
    }

    /// Writes PKCS #8 PEM, version 1 (RFC 5208): OpenSSL 3.0 does not read version 2, which
    /// contains the public key.
    ///
    /// # Errors
    /// Returns [`KeyError::Private`] if encoding fails, which does not happen for a valid key.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Private)
    }

    /// The private and public key, 64 bytes, for token libraries that require this form.
    #[must_use]
    pub fn to_keypair_bytes(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.0.to_keypair_bytes())
    }

    /// Writes the public key as SPKI PEM (RFC 8410).
    ///
    /// # Errors
    /// Returns [`KeyError::Public`] if encoding fails, which does not happen for a valid key.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        let key = self.0.verifying_key();
        key.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Public)
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub fn public_bytes(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn verifying_key(&self) -> ed25519_dalek::VerifyingKey {
        self.0.verifying_key()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_vec()
    }
}
