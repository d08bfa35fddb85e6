use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The operator's credential for the registry's API, stored as a digest and compared in constant
/// time.
#[derive(Clone)]
pub struct AdministratorToken {
    digest: [u8; 32],
}

impl AdministratorToken {
    /// Creates the credential from the token's text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            digest: Sha256::digest(text.as_bytes()).into(),
        }
    }

    /// Reports whether `text` is the token.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        self.digest.ct_eq(&other).into()
    }
}
