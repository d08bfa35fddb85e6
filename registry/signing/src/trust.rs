//! The trusted signers of each publisher: keys, names in certificates of private certificate
//! authorities, keyless identities. All names must match exactly.

use crate::keyless::{KeylessError, KeylessIdentity, KeylessRoot};
use crate::x509::{Authority, CertificateError};
use crate::{KeyError, KeyId, VerifyingKey};
use alga_bundle::PublisherName;
use alga_bundle::read_json;
use jiff::Timestamp;
use std::collections::BTreeMap;

mod file;

pub use file::{
    TrustFile, TrustedAuthority, TrustedCertificate, TrustedIdentity, TrustedKey, TrustedPublisher, TrustedSigstore,
};

/// An error of reading a trust bundle.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The text is not the JSON of a trust bundle.
    #[error("the trust bundle is not `{{\"publishers\": [{{\"name\": …, \"keys\": [{{\"publicKey\": PEM}}]}}]}}`: {0}")]
    Form(#[from] serde_json::Error),
    /// A key in it cannot be used.
    #[error("a key of `{owner}`: {source}")]
    Key {
        /// The key's owner.
        owner: String,
        /// The cause of the error.
        source: KeyError,
    },
    /// A certificate authority in it cannot be used.
    #[error("certificate authority `{name}`: {source}")]
    Authority {
        /// The certificate authority's name.
        name: String,
        /// The cause of the error.
        source: CertificateError,
    },
    /// A name is duplicated or not defined.
    #[error("{0}")]
    Name(String),
    /// A trusted root of sigstore in it cannot be used.
    #[error(transparent)]
    Root(#[from] KeylessError),
    /// The bundle contains no signer. It is refused because that is more likely an error than a
    /// policy.
    #[error("it trusts no signer, so no release could be published")]
    Empty,
}

/// Publishers with their trusted signers. A signer that is trusted for one publisher is not trusted
/// for another.
#[derive(Debug, Clone, Default)]
pub struct TrustBundle {
    publishers: BTreeMap<PublisherName, Signers>,
    pub(crate) authorities: BTreeMap<String, Authority>,
    pub(crate) roots: BTreeMap<String, KeylessRoot>,
    revocation_keys: Vec<VerifyingKey>,
}

/// The trusted signers of one publisher.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signers {
    pub(crate) keys: Vec<PublisherKey>,
    pub(crate) certificates: Vec<TrustedCertificate>,
    pub(crate) keyless: Vec<TrustedIdentity>,
}

/// A key and the time in which it is trusted.
#[derive(Debug, Clone)]
pub(crate) struct PublisherKey {
    pub(crate) key: VerifyingKey,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl TrustBundle {
    /// Reads a trust bundle.
    ///
    /// # Errors
    /// Returns [`TrustError`] if any part of it cannot be used; a bundle is never used in part.
    pub fn parse(json: &[u8]) -> Result<Self, TrustError> {
        Self::from_file(&read_json(json)?)
    }

    /// Makes a trust bundle from the content of its file.
    ///
    /// # Errors
    /// Returns [`TrustError`] as [`TrustBundle::parse`] does.
    pub fn from_file(file: &TrustFile) -> Result<Self, TrustError> {
        let mut trust = Self::default();
        for authority in &file.authorities {
            let name = authority.name.clone();
            let read = Authority::from_pem(&authority.roots, &authority.revocation_lists);
            let read = read.map_err(|source| TrustError::Authority { name, source })?;
            if trust.authorities.insert(authority.name.clone(), read).is_some() {
                return Err(TrustError::Name(format!(
                    "certificate authority `{}` is duplicated",
                    authority.name
                )));
            }
        }
        for root in &file.sigstore_roots {
            let read = KeylessRoot::from_json(&root.trusted_root.to_string())?;
            if trust.roots.insert(root.name.clone(), read).is_some() {
                return Err(TrustError::Name(format!(
                    "sigstore deployment `{}` is duplicated",
                    root.name
                )));
            }
        }
        for pem in &file.revocation_keys {
            trust.revocation_keys.push(key("the revocation list", pem)?);
        }
        for publisher in &file.publishers {
            trust.add(publisher)?;
        }
        let is_empty = |signers: &Signers| {
            signers.keys.is_empty() && signers.certificates.is_empty() && signers.keyless.is_empty()
        };
        if trust.publishers.values().all(is_empty) {
            Err(TrustError::Empty)
        } else {
            Ok(trust)
        }
    }

    fn add(&mut self, publisher: &TrustedPublisher) -> Result<(), TrustError> {
        let unknown = publisher
            .certificates
            .iter()
            .find(|rule| !self.authorities.contains_key(&rule.authority));
        if let Some(rule) = unknown {
            let message = format!(
                "`{}` trusts certificates of `{}`, which is not in `authorities`",
                publisher.name, rule.authority
            );
            return Err(TrustError::Name(message));
        }
        let unknown = publisher
            .keyless
            .iter()
            .find(|rule| !self.roots.contains_key(&rule.sigstore));
        if let Some(rule) = unknown {
            let message = format!(
                "`{}` trusts an identity of the sigstore deployment `{}`, which is not in `sigstoreRoots`",
                publisher.name, rule.sigstore
            );
            return Err(TrustError::Name(message));
        }
        let signers = self.publishers.entry(publisher.name.clone()).or_default();
        for trusted in &publisher.keys {
            signers.keys.push(PublisherKey {
                key: key(publisher.name.as_str(), &trusted.public_key)?,
                not_before: trusted.not_before,
                not_after: trusted.not_after,
            });
        }
        signers.certificates.extend(publisher.certificates.iter().cloned());
        signers.keyless.extend(publisher.keyless.iter().cloned());
        Ok(())
    }

    /// Returns the trust bundle with one more key.
    #[must_use]
    pub fn with_key(mut self, publisher: PublisherName, key: VerifyingKey) -> Self {
        let (not_before, not_after) = (None, None);
        let signers = self.publishers.entry(publisher).or_default();
        signers.keys.push(PublisherKey {
            key,
            not_before,
            not_after,
        });
        self
    }

    /// Returns whether the bundle contains this publisher.
    #[must_use]
    pub fn knows(&self, publisher: &PublisherName) -> bool {
        self.publishers.contains_key(publisher)
    }

    pub(crate) fn signers(&self, publisher: &PublisherName) -> Option<&Signers> {
        self.publishers.get(publisher)
    }

    /// Returns the key with this id that may sign revocation lists.
    pub(crate) fn revocation_key(&self, id: &KeyId) -> Option<&VerifyingKey> {
        self.revocation_keys.iter().find(|key| key.id() == *id)
    }
}

impl Signers {
    pub(crate) fn key(&self, id: &KeyId) -> Option<&PublisherKey> {
        self.keys.iter().find(|trusted| trusted.key.id() == *id)
    }
}

impl PublisherKey {
    /// Returns whether the key was trusted at this time: `notBefore` is inclusive, `notAfter`
    /// exclusive.
    pub(crate) fn is_valid_at(&self, at: Timestamp) -> bool {
        self.not_before.is_none_or(|start| start <= at) && self.not_after.is_none_or(|end| at < end)
    }
}

impl TrustedIdentity {
    pub(crate) fn as_keyless(&self) -> KeylessIdentity<'_> {
        KeylessIdentity {
            issuer: &self.issuer,
            identity: &self.identity,
        }
    }
}

fn key(owner: &str, pem: &str) -> Result<VerifyingKey, TrustError> {
    VerifyingKey::from_pem(pem).map_err(|source| TrustError::Key {
        owner: owner.to_owned(),
        source,
    })
}
