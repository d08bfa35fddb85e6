//! The file format of a trust bundle, as `alga trust` reads and writes it.

use super::TrustError;
use crate::{SigningKey, VerifyingKey};
use alga_bundle::PublisherName;
use alga_bundle::read_json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The content of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustFile {
    /// Publishers with the signers that may sign for them.
    #[serde(default)]
    pub publishers: Vec<TrustedPublisher>,
    /// Private certificate authorities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<TrustedAuthority>,
    /// Sigstore deployments that publishers may refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sigstore_roots: Vec<TrustedSigstore>,
    /// Keys that may sign revocation lists (SPKI PEM).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_keys: Vec<String>,
}

/// A publisher in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedPublisher {
    /// Exact name of the publisher.
    pub name: PublisherName,
    /// Trusted keys, any of which may sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<TrustedKey>,
    /// Trusted names in certificates, any of which may sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<TrustedCertificate>,
    /// Trusted keyless identities, any of which may sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyless: Vec<TrustedIdentity>,
}

/// A key in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedKey {
    /// SPKI PEM; also the format of `cosign.pub` by `cosign generate-key-pair`.
    pub public_key: String,
    /// Time from which its signatures are valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Time at which the key is retired: releases that the registry received earlier stay valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// An owner of certificates of a private certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedCertificate {
    /// Name of the certificate authority in this file.
    pub authority: String,
    /// The only name in the certificate: email address, DNS name or URI.
    pub identity: String,
}

/// A sigstore deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedSigstore {
    /// Name by which publishers refer to it. The operator of a deployment can issue certificates
    /// for every identity, so each identity is trusted in one deployment only.
    pub name: String,
    /// The deployment's `trusted_root.json`.
    pub trusted_root: serde_json::Value,
}

/// A signer without a long-lived key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIdentity {
    /// Name of the deployment in this file.
    pub sigstore: String,
    /// URL of the OIDC issuer.
    pub issuer: String,
    /// Email address, or URI of a workflow.
    pub identity: String,
}

/// A private certificate authority.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedAuthority {
    /// Name by which publishers refer to it.
    pub name: String,
    /// Root certificates as PEM.
    pub roots: Vec<String>,
    /// Certificate revocation lists as PEM. The field is required. If it is empty, no certificate
    /// counts as revoked; otherwise, a certificate that no current list covers is refused.
    pub revocation_lists: Vec<String>,
}

impl TrustFile {
    /// Reads the file without checking its keys and names.
    ///
    /// # Errors
    /// Returns [`TrustError::Form`] if it is not the JSON of a trust bundle.
    pub fn parse(json: &[u8]) -> Result<Self, TrustError> {
        Ok(read_json(json)?)
    }

    /// Makes a file with one publisher that has one key.
    ///
    /// # Errors
    /// Returns [`TrustError::Key`] if encoding fails, which does not happen for a valid key.
    pub fn of(publisher: &PublisherName, key: &SigningKey) -> Result<Self, TrustError> {
        let mut file = Self::default();
        file.add_key(publisher, &key.verifying_key())?;
        Ok(file)
    }

    /// Returns the publisher's entry, after adding it if it does not exist.
    pub fn publisher(&mut self, name: &PublisherName) -> &mut TrustedPublisher {
        let index = self.publishers.iter().position(|publisher| publisher.name == *name);
        let index = index.unwrap_or_else(|| {
            self.publishers.push(TrustedPublisher {
                name: name.clone(),
                keys: Vec::new(),
                certificates: Vec::new(),
                keyless: Vec::new(),
            });
            self.publishers.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the entry was found or added above")]
        &mut self.publishers[index]
    }

    /// Adds a key to a publisher.
    ///
    /// # Errors
    /// Returns [`TrustError::Key`] if encoding fails, which does not happen for a valid key.
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

    /// The file as indented JSON.
    ///
    /// # Errors
    /// Returns [`TrustError::Form`] if serialization fails, which does not happen for this type.
    pub fn to_json(&self) -> Result<String, TrustError> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}
