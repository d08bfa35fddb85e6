//! The interface to the storage of secrets.

use crate::Identity;
use std::pin::Pin;
use zeroize::Zeroizing;

/// Error of a [`SecretSource`] that is unavailable or could not decrypt a secret. The cause is
/// logged for the operator and never reported to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretUnavailable;

/// A future that resolves to the plaintext of a secret, or to `None` if the secret is not set.
pub type SecretFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Zeroizing<Vec<u8>>>, SecretUnavailable>> + Send + 'a>>;

/// Source of the secrets of installs.
pub trait SecretSource: Send + Sync {
    /// Returns the plaintext of a secret of the install that `owner` identifies.
    fn open<'a>(&'a self, owner: &'a Identity, name: &'a str) -> SecretFuture<'a>;
}
