//! Where secrets come from.

use crate::Identity;
use std::pin::Pin;
use zeroize::Zeroizing;

/// What keeps secrets did not answer, or what it keeps does not open. Why is in the operator's log; nothing of it is for a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretUnavailable;

/// A secret under way; none when it is not set.
pub type SecretFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Zeroizing<Vec<u8>>>, SecretUnavailable>> + Send + 'a>>;

/// Opens secrets of installs.
pub trait SecretSource: Send + Sync {
    /// The plaintext of a secret of the install that this identity names.
    fn open<'a>(&'a self, owner: &'a Identity, name: &'a str) -> SecretFuture<'a>;
}
