//! The file of a trust bundle, as it is written and changed by `alga trust`.

use super::TrustError;
use crate::{SigningKey, VerifyingKey};
use alga_bundle::PublisherName;
use alga_bundle::read_json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustFile {
    /// Who may release, signed by whom.
    #[serde(default)]
    pub publishers: Vec<TrustedPublisher>,
    /// Private certificate authorities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<TrustedAuthority>,
    /// Sigstore deployments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sigstore_roots: Vec<TrustedSigstore>,
    /// Whose revocation lists are believed (SPKI PEM).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_keys: Vec<String>,
}

/// A publisher in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedPublisher {
    /// Exactly this name.
    pub name: PublisherName,
    /// Any of these keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<TrustedKey>,
    /// Any of these names in certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<TrustedCertificate>,
    /// Any of these identities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyless: Vec<TrustedIdentity>,
}

/// A key in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedKey {
    /// SPKI PEM; also what `cosign generate-key-pair` writes as `cosign.pub`.
    pub public_key: String,
    /// From when on its signatures count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Until when: releases that the registry received before stay good. How a key is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// Who has certificates of a private authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedCertificate {
    /// The authority's name in this file.
    pub authority: String,
    /// The certificate's one name: mail address, DNS name or URI.
    pub identity: String,
}

/// A sigstore deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedSigstore {
    /// How publishers refer to it. Whoever runs a deployment can make certificates for every identity, so each identity is trusted in one of them.
    pub name: String,
    /// Its `trusted_root.json`.
    pub trusted_root: serde_json::Value,
}

/// Who signs without a key of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIdentity {
    /// The deployment's name in this file.
    pub sigstore: String,
    /// The OIDC issuer's URL.
    pub issuer: String,
    /// Mail address, or URI of a workflow.
    pub identity: String,
}

/// A private certificate authority.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedAuthority {
    /// How publishers refer to it.
    pub name: String,
    /// PEM certificates.
    pub roots: Vec<String>,
    /// PEM lists of revoked certificates. Must be said: with none, nothing is ever revoked; with some, what no current list speaks of is refused.
    pub revocation_lists: Vec<String>,
}

impl TrustFile {
    /// Reads the file without judging what is in it.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(json: &[u8]) -> Result<Self, TrustError> {
        Ok(read_json(json)?)
    }

    /// A file of one publisher with one key, which may also sign revocation lists.
    ///
    /// # Errors
    /// Never for a key that exists.
    pub fn of(publisher: &PublisherName, key: &SigningKey) -> Result<Self, TrustError> {
        let mut file = Self::default();
        file.add_key(publisher, &key.verifying_key())?;
        Ok(file)
    }

    /// The publisher's entry, made if it is not there.
    pub fn publisher(&mut self, name: &PublisherName) -> &mut TrustedPublisher {
        let place = self.publishers.iter().position(|publisher| publisher.name == *name);
        let place = place.unwrap_or_else(|| {
            self.publishers.push(TrustedPublisher {
                name: name.clone(),
                keys: Vec::new(),
                certificates: Vec::new(),
                keyless: Vec::new(),
            });
            self.publishers.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        &mut self.publishers[place]
    }

    /// One more key for a publisher.
    ///
    /// # Errors
    /// Never for a key that exists.
    pub fn add_key(&mut self, publisher: &PublisherName, key: &VerifyingKey) -> Result<(), TrustError> {
        let owner = publisher.to_string();
        let public_key = key.to_pem().map_err(|source| TrustError::Key { owner, source })?;
        self.publisher(publisher).keys.push(TrustedKey {
            public_key,
            not_before: None,
            not_after: None,
        });
        Ok(())
    }

    /// The file as JSON for people.
    ///
    /// # Errors
    /// Never.
    pub fn to_json(&self) -> Result<String, TrustError> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}
