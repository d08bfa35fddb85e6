//! Sessions of browsers, and the one-time links that begin them. A secret is stored as its digest.

use crate::{Caller, NamePattern, Principal, Publisher, TenantPrincipal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::pin::Pin;
use std::time::Duration;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Hexadecimal digits of a secret: 256 bits.
const SECRET_DIGITS: usize = 64;

/// Beginning of a session's name in the cache, which no bearer token has: a header has no NUL.
const ENTRY: &str = "session\0";

/// Secret of a session or of a link. Contains the session's name in the cache, so that a cached
/// session is found without an allocation.
pub struct SessionSecret(Zeroizing<String>);

impl SessionSecret {
    /// Time for which a session is valid: a working day.
    pub const SESSION_LIFE: Duration = Duration::from_hours(12);
    /// Time for which a link is valid.
    pub const LINK_LIFE: Duration = Duration::from_secs(60);

    /// Generates a secret from the system's randomness.
    ///
    /// # Errors
    /// Returns the system's error if it has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; SECRET_DIGITS / 2]);
        getrandom::fill(bytes.as_mut_slice())?;
        let text = Zeroizing::new(hex::encode(bytes.as_slice()));
        Ok(Self::new(&text))
    }

    fn new(text: &str) -> Self {
        Self(Zeroizing::new(format!("{ENTRY}{text}")))
    }

    /// Reads a secret, or returns `None` if the text has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == SECRET_DIGITS && is_hex).then(|| Self::new(text))
    }

    /// Returns the digest that is stored in place of the secret.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.expose().as_bytes()))
    }

    /// Returns the secret for its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.get(ENTRY.len()..).unwrap_or_default()
    }

    /// Returns the session's name in the cache.
    pub(crate) fn entry(&self) -> &str {
        &self.0
    }

    /// Returns the token that scripts of the platform's own pages send with each change. Other
    /// pages cannot read it, and it does not reveal the secret.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        let digest = Sha256::new()
            .chain_update("csrf\0")
            .chain_update(self.expose().as_bytes());
        hex::encode(digest.finalize())
    }

    /// Reports whether `text` is the token of this session, in constant time.
    #[must_use]
    pub fn has_csrf_token(&self, text: &str) -> bool {
        self.csrf_token().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

/// A principal as it is stored with a session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum StoredPrincipal {
    Operator { actor: String },
    Publisher { actor: String, names: Vec<String> },
    Tenant { actor: String, caller: Box<Caller> },
}

impl Principal {
    /// Returns the form in which a principal is stored with a session.
    ///
    /// # Errors
    /// Returns the error of [`serde_json`], which does not occur.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let actor = self.actor().to_owned();
        serde_json::to_string(&match self {
            Self::Operator(_) => StoredPrincipal::Operator { actor },
            Self::Publisher(publisher) => StoredPrincipal::Publisher {
                actor,
                names: publisher.names.iter().map(|name| name.as_str().to_owned()).collect(),
            },
            Self::Tenant(tenant) => StoredPrincipal::Tenant {
                actor,
                caller: Box::new(Caller::clone(tenant.caller())),
            },
        })
    }

    /// Reads the form of [`Self::to_json`].
    ///
    /// # Errors
    /// Returns the error of [`serde_json`], or of a name, if the text has another form.
    pub fn from_json(text: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(match serde_json::from_str(text)? {
            StoredPrincipal::Operator { actor } => Self::Operator(actor),
            StoredPrincipal::Publisher { actor, names } => {
                let names = names
                    .iter()
                    .map(|name| name.parse())
                    .collect::<Result<Vec<NamePattern>, _>>()?;
                Self::Publisher(Publisher { actor, names })
            }
            StoredPrincipal::Tenant { actor, caller } => Self::Tenant(TenantPrincipal::key(actor, *caller)),
        })
    }
}

/// A stored session.
pub struct StoredSession {
    /// Principal of the session.
    pub principal: Principal,
    /// Time after which the session is invalid.
    pub expires: Timestamp,
}

/// Result of looking up a session.
pub type SessionFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<StoredSession>, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Storage of sessions.
pub trait SessionSource: Send + Sync {
    /// Finds a session by the digest of its secret.
    fn find<'a>(&'a self, digest: &'a str) -> SessionFuture<'a>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_read_as_they_were_stored() {
        let mut caller = Caller::developer("acme".parse().unwrap());
        caller.role = crate::TenantRole::Administrator;
        for principal in [
            Principal::Operator("oidc:1".into()),
            Principal::Publisher(Publisher {
                actor: "key:1".into(),
                names: vec!["com.example.*".parse().unwrap()],
            }),
            Principal::Tenant(TenantPrincipal::user(caller)),
        ] {
            assert_eq!(Principal::from_json(&principal.to_json().unwrap()).unwrap(), principal);
        }
        assert!(Principal::from_json("{}").is_err());
    }

    #[test]
    fn a_secret_has_one_form_and_its_own_token() {
        let (secret, other) = (SessionSecret::generate().unwrap(), SessionSecret::generate().unwrap());
        let read = SessionSecret::parse(secret.expose()).unwrap();
        assert_eq!(read.digest(), secret.digest());
        assert!(read.has_csrf_token(&secret.csrf_token()) && !read.has_csrf_token(&other.csrf_token()));
        assert!(!read.has_csrf_token("") && !secret.csrf_token().contains(secret.expose()));
        assert!(
            SessionSecret::parse(&secret.expose().to_uppercase()).is_none()
                || secret.expose().bytes().all(|byte| byte.is_ascii_digit())
        );
        assert!(SessionSecret::parse("").is_none());
    }
}
