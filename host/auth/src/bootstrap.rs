use crate::Principal;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The credential of the operator who sets a platform up, from `admin.token`. It is stored as a
/// digest and compared in constant time, and can be turned off when there are API keys.
#[derive(Clone)]
pub struct BootstrapToken {
    digest: [u8; 32],
    principal: Arc<Principal>,
}

impl BootstrapToken {
    /// Name of its bearer in the audit log.
    pub const ACTOR: &'static str = "operator";

    /// Creates the credential from the token's text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            digest: Sha256::digest(text.as_bytes()).into(),
            principal: Arc::new(Principal::Operator(Self::ACTOR.to_owned())),
        }
    }

    /// Reports whether `text` is the token.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        self.digest.ct_eq(&other).into()
    }

    pub(crate) fn principal(&self) -> Arc<Principal> {
        Arc::clone(&self.principal)
    }
}
