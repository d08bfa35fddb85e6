//! Secrets at rest.
//!
//! A secret is sealed the moment it arrives and opened only where it is used. Its envelope says by which algorithm and key it was sealed; both are checked against
//! what this host has, never chosen by the envelope. What it is bound to (tenant, extension, install, name) is authenticated with it, so an
//! envelope that is moved anywhere else does not open.
//!
//! | module | its one idea |
//! |---|---|
//! | `binding` | whose secret it is, as bytes that no two bindings share |
//! | `envelope` | what is stored |
//! | `local` | XChaCha20-Poly1305 with a key of this host |
//! | `vault` | the transit engine of Vault and what is compatible with it, over HTTP |

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

/// A secret in the clear. It has no `Debug` and no `Serialize`, and is wiped from memory when dropped.
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes a secret over.
    ///
    /// # Errors
    /// When it is empty or has more than [`SECRET_BYTES`].
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SealError> {
        if bytes.is_empty() || bytes.len() > SECRET_BYTES {
            return Err(SealError::Size(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The secret.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Why a secret is not sealed or opened. No variant holds any part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Nothing, or more than a secret has.
    #[error("a secret has 1 to {SECRET_BYTES} bytes, this one has {0}")]
    Size(usize),
    /// The envelope was sealed by something that this host does not use.
    #[error("the envelope was sealed with `{0}`, which is not what this platform is configured for")]
    Algorithm(String),
    /// The key is not one of this host's.
    #[error("the envelope was sealed with key `{0}`, which this platform does not have")]
    Key(String),
    /// Damaged, moved, or made by somebody else.
    #[error("the envelope does not open for this install")]
    Forged,
    /// No randomness.
    #[error("the system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// A key file that is not one.
    #[error("a key is 64 hexadecimal digits; the first line is the one that seals")]
    KeyFile,
    /// The service that seals did not do it.
    #[error("the secrets service: {0}")]
    Service(String),
}

/// What seals and opens.
pub enum Sealer {
    /// Keys of this host.
    Local(LocalKeys),
    /// A service.
    Vault(VaultTransit),
}

impl Sealer {
    /// Seals a secret for whom it is bound to.
    ///
    /// # Errors
    /// When there is no randomness, or the service does not answer.
    pub async fn seal(&self, secret: &SecretValue, binding: &SecretBinding<'_>) -> Result<SecretEnvelope, SealError> {
        match self {
            Self::Local(keys) => keys.seal(secret, binding),
            Self::Vault(vault) => vault.seal(secret, binding).await,
        }
    }

    /// Opens an envelope for whom it was sealed.
    ///
    /// # Errors
    /// When it was sealed for somebody else, by something else, or was changed.
    pub async fn open(&self, envelope: &SecretEnvelope, binding: &SecretBinding<'_>) -> Result<SecretValue, SealError> {
        match self {
            Self::Local(keys) => keys.open(envelope, binding),
            Self::Vault(vault) => vault.open(envelope, binding).await,
        }
    }
}
