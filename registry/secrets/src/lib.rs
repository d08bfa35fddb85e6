//! Sealing of secrets at rest.
//!
//! A secret is sealed as soon as it arrives and opened only where it is used. Its envelope names
//! the algorithm and the key that sealed it; both are checked against this host's configuration, so
//! the envelope cannot choose them. The binding (tenant, extension, install, name) is authenticated
//! with the secret, so an envelope that is copied to another binding does not open.
//!
//! | module | purpose |
//! |---|---|
//! | `binding` | the binding of a secret, encoded so that no two bindings share their bytes |
//! | `envelope` | the stored form of a sealed secret |
//! | `local` | XChaCha20-Poly1305 with keys of this host |
//! | `vault` | the transit engine of Vault and compatible services, over HTTP |

mod binding;
mod envelope;
mod local;
mod vault;

pub use binding::SecretBinding;
pub use envelope::{Algorithm, SecretEnvelope};
pub use local::LocalKeys;
pub use vault::VaultTransit;

use zeroize::Zeroizing;

pub use alga_limits::SECRET_BYTES;

/// A secret in plaintext. It has no `Debug` and no `Serialize`, and is wiped from memory when
/// dropped.
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Wraps the bytes of a secret.
    ///
    /// # Errors
    /// Returns [`SealError::Size`] if there are none, or more than [`SECRET_BYTES`].
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SealError> {
        if bytes.is_empty() || bytes.len() > SECRET_BYTES {
            return Err(SealError::Size(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// Returns the secret's bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// An error of sealing or opening a secret. No variant holds any part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The secret is empty or larger than [`SECRET_BYTES`].
    #[error("a secret has 1 to {SECRET_BYTES} bytes, this one has {0}")]
    Size(usize),
    /// The envelope names an algorithm that this host is not configured for.
    #[error("the envelope was sealed with `{0}`, which is not what this platform is configured for")]
    Algorithm(String),
    /// The envelope names a key that this host does not have.
    #[error("the envelope was sealed with key `{0}`, which this platform does not have")]
    Key(String),
    /// The envelope is damaged, forged, or was sealed for another binding.
    #[error("the envelope does not open for this install")]
    Forged,
    /// The system's random number generator failed.
    #[error("the system's random number generator failed: {0}")]
    Randomness(getrandom::Error),
    /// The key file is empty or malformed.
    #[error("a key file has one key of 64 hexadecimal digits per line; the first one seals")]
    KeyFile,
    /// The secrets service failed or is unreachable.
    #[error("the secrets service: {0}")]
    Service(String),
}

/// The backend that seals and opens secrets.
pub enum Sealer {
    /// The keys of this host.
    Local(LocalKeys),
    /// The transit engine of Vault or a compatible service.
    Vault(VaultTransit),
}

impl Sealer {
    /// Seals a secret for its binding.
    ///
    /// # Errors
    /// Returns [`SealError::Randomness`] if the system's random number generator fails, and
    /// [`SealError::Service`] if the service does.
    pub async fn seal(&self, secret: &SecretValue, binding: &SecretBinding<'_>) -> Result<SecretEnvelope, SealError> {
        match self {
            Self::Local(keys) => keys.seal(secret, binding),
            Self::Vault(vault) => vault.seal(secret, binding).await,
        }
    }

    /// Opens an envelope that was sealed for this binding.
    ///
    /// # Errors
    /// Returns [`SealError::Algorithm`] or [`SealError::Key`] if this host has no such algorithm or
    /// key, [`SealError::Forged`] if the envelope was changed or sealed for another binding, and
    /// [`SealError::Service`] if the service fails.
    pub async fn open(&self, envelope: &SecretEnvelope, binding: &SecretBinding<'_>) -> Result<SecretValue, SealError> {
        match self {
            Self::Local(keys) => keys.open(envelope, binding),
            Self::Vault(vault) => vault.open(envelope, binding).await,
        }
    }
}
