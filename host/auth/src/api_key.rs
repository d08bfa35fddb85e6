//! API keys: credentials of services, which the platform stores as digests.

use crate::{Access, Caller, NamePattern, Principal, PrincipalKind, Publisher, TenantPrincipal, TenantRole};
use alga_bundle::TenantId;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::pin::Pin;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Beginning of every key, by which scanners for leaked credentials find it.
const PREFIX: &str = "alga_";
/// Hexadecimal digits of an id: the time of its creation in milliseconds, by which ids sort, and 32
/// random bits.
const ID_DIGITS: usize = 20;
/// Digits of the time.
const TIME_DIGITS: usize = 12;
/// Hexadecimal digits of a secret: 256 bits, so that a plain digest of it cannot be reversed.
const SECRET_DIGITS: usize = 64;

/// Text of an API key: `alga_<id>_<secret>`.
pub struct ApiKeyText {
    id: String,
    secret: Zeroizing<String>,
}

impl ApiKeyText {
    /// Generates a key from the system's randomness.
    ///
    /// # Errors
    /// Returns the system's error if it has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; (ID_DIGITS - TIME_DIGITS + SECRET_DIGITS) / 2]);
        getrandom::fill(bytes.as_mut_slice())?;
        let (unique, secret) = bytes.split_at((ID_DIGITS - TIME_DIGITS) / 2);
        let time = Timestamp::now().as_millisecond();
        Ok(Self {
            id: format!("{time:0TIME_DIGITS$x}{}", hex::encode(unique)),
            secret: Zeroizing::new(hex::encode(secret)),
        })
    }

    /// Reads a key, or returns `None` if the text has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_valid = id.len() == ID_DIGITS && secret.len() == SECRET_DIGITS && is_hex(id) && is_hex(secret);
        is_valid.then(|| Self {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
        })
    }

    /// Returns the id, which is not secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the digest that is stored in place of the secret.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// Returns the whole key, which its owner sees once.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}_{}", self.id, self.secret.as_str()))
    }
}

/// API key as it is stored.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Id of the key.
    pub id: String,
    /// Digest of the secret.
    pub digest: [u8; 32],
    /// Name that its creator gave it.
    pub label: String,
    /// Rights of the key.
    pub scope: ApiKeyScope,
    /// Time after which the key is invalid.
    pub expires: Timestamp,
    /// True if the key was revoked.
    pub is_revoked: bool,
    /// Time of its last recorded use.
    pub used: Option<Timestamp>,
}

/// Rights of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyScope {
    /// Rights of an operator.
    Operator,
    /// Rights of a publisher of these names.
    Publisher(Vec<NamePattern>),
    /// Rights in one tenant.
    Tenant {
        /// Tenant of the key.
        tenant: TenantId,
        /// Role in the tenant.
        role: TenantRole,
        /// Access to its extensions.
        access: Access,
    },
}

impl ApiKeyScope {
    /// Returns the kind of principal that the key authenticates.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        match self {
            Self::Operator => PrincipalKind::Operator,
            Self::Publisher(_) => PrincipalKind::Publisher,
            Self::Tenant { role, .. } => match role {
                TenantRole::Caller => PrincipalKind::Caller,
                TenantRole::Viewer => PrincipalKind::TenantViewer,
                TenantRole::Administrator => PrincipalKind::TenantAdministrator,
            },
        }
    }
}

impl ApiKey {
    /// Returns the principal, if `text` is this key and the key is valid at `now`.
    #[must_use]
    pub fn principal(&self, text: &ApiKeyText, now: Timestamp) -> Option<Principal> {
        let is_same: bool = self.digest.ct_eq(&text.digest()).into();
        let is_valid = is_same && self.id == text.id && !self.is_revoked && now < self.expires;
        is_valid.then(|| self.meaning())
    }

    fn meaning(&self) -> Principal {
        let actor = format!("key:{}", self.id);
        match &self.scope {
            ApiKeyScope::Operator => Principal::Operator(actor),
            ApiKeyScope::Publisher(names) => Principal::Publisher(Publisher {
                actor,
                names: names.clone(),
            }),
            ApiKeyScope::Tenant { tenant, role, access } => {
                let caller = Caller {
                    user_id: actor.clone(),
                    user_name: self.label.clone(),
                    role: *role,
                    access: *access,
                    ..Caller::developer(tenant.clone())
                };
                Principal::Tenant(TenantPrincipal::key(actor, caller))
            }
        }
    }
}

/// Result of looking up an API key.
pub type ApiKeyFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<ApiKey>, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Storage of API keys.
pub trait ApiKeySource: Send + Sync {
    /// Finds a key by its id.
    fn find<'a>(&'a self, id: &'a str) -> ApiKeyFuture<'a>;

    /// Records that a key was used, some time later; a failure has no consequence.
    fn record_use(&self, id: &str);
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn stored(text: &ApiKeyText) -> ApiKey {
        ApiKey {
            id: text.id().to_owned(),
            digest: text.digest(),
            label: "ci".into(),
            scope: ApiKeyScope::Operator,
            expires: Timestamp::now() + SignedDuration::from_secs(60),
            is_revoked: false,
            used: None,
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_in_no_other_form() {
        let key = ApiKeyText::generate().unwrap();
        let text = key.expose();
        let read = ApiKeyText::parse(&text).unwrap();
        assert_eq!((read.id(), read.digest()), (key.id(), key.digest()));
        for other in [
            "",
            "alga_",
            text.strip_prefix('a').unwrap(),
            text.strip_suffix(|_: char| true).unwrap(),
            &format!("{}0", *text),
            &text.to_uppercase(),
        ] {
            assert!(ApiKeyText::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn only_the_whole_valid_key_authenticates() {
        let (text, other) = (ApiKeyText::generate().unwrap(), ApiKeyText::generate().unwrap());
        let (key, now) = (stored(&text), Timestamp::now());
        assert_eq!(key.principal(&text, now).unwrap().actor(), format!("key:{}", text.id()));
        assert!(key.principal(&other, now).is_none());
        assert!(key.principal(&text, key.expires).is_none());
        let revoked = ApiKey {
            is_revoked: true,
            ..key
        };
        assert!(revoked.principal(&text, now).is_none());
    }
}
