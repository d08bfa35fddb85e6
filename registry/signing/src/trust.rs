//! Whom to believe, for which publisher.

use crate::{KeyError, KeyId, SigningKey, VerifyingKey};
use alga_bundle::PublisherName;
use serde::{Deserialize, Serialize};

/// Not a trust bundle.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not its JSON.
    #[error("the trust bundle is not `{{\"publishers\": [{{\"name\": …, \"keys\": [{{\"publicKey\": PEM}}]}}]}}`: {0}")]
    Form(#[from] serde_json::Error),
    /// A key in it is not one.
    #[error("a key of publisher `{publisher}`: {source}")]
    Key {
        /// Whose.
        publisher: PublisherName,
        /// Why.
        source: KeyError,
    },
    /// Trusting nobody is a mistake, not a policy.
    #[error("the trust bundle names no key; nothing could ever be published")]
    Empty,
}

/// Publishers and their keys. A key of one publisher is worth nothing for another.
#[derive(Debug, Clone, Default)]
pub struct TrustBundle {
    keys: Vec<(PublisherName, VerifyingKey)>,
}

/// The file: `{"publishers": [...]}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    publishers: Vec<TrustedPublisher>,
}

/// A publisher in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedPublisher {
    /// Exactly this name.
    pub name: PublisherName,
    /// Any of these keys.
    pub keys: Vec<TrustedKey>,
}

/// A key in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedKey {
    /// SPKI PEM.
    pub public_key: String,
}

impl TrustBundle {
    /// Reads a trust bundle.
    ///
    /// # Errors
    /// When a part of it cannot be used: a bundle is believed whole or not at all.
    pub fn parse(json: &[u8]) -> Result<Self, TrustError> {
        let file: File = serde_json::from_slice(json)?;
        let mut trust = Self::default();
        for publisher in file.publishers {
            for key in publisher.keys {
                let parsed = VerifyingKey::from_pem(&key.public_key);
                let key = parsed.map_err(|source| TrustError::Key {
                    publisher: publisher.name.clone(),
                    source,
                })?;
                trust.keys.push((publisher.name.clone(), key));
            }
        }
        if trust.keys.is_empty() {
            Err(TrustError::Empty)
        } else {
            Ok(trust)
        }
    }

    /// A trust bundle of one publisher with one key, as JSON.
    ///
    /// # Errors
    /// Never for a key that exists.
    pub fn json_for(publisher: &PublisherName, key: &SigningKey) -> Result<String, TrustError> {
        let source = |source| TrustError::Key {
            publisher: publisher.clone(),
            source,
        };
        let key = TrustedKey {
            public_key: key.verifying_key().to_pem().map_err(source)?,
        };
        let file = File {
            publishers: vec![TrustedPublisher {
                name: publisher.clone(),
                keys: vec![key],
            }],
        };
        Ok(serde_json::to_string_pretty(&file)?)
    }

    /// The same with one more key.
    #[must_use]
    pub fn with_key(mut self, publisher: PublisherName, key: VerifyingKey) -> Self {
        self.keys.push((publisher, key));
        self
    }

    /// Whether a publisher has any key.
    #[must_use]
    pub fn knows(&self, publisher: &PublisherName) -> bool {
        self.keys.iter().any(|(name, _)| name == publisher)
    }

    pub(crate) fn key(&self, publisher: &PublisherName, id: &KeyId) -> Option<&VerifyingKey> {
        self.keys
            .iter()
            .find(|(name, key)| name == publisher && key.id() == *id)
            .map(|(_, key)| key)
    }
}
