//! Publishing, and the versions of an extension.

use crate::{Operation, Page, RequestBody};
use alga_bundle::{
    CapabilityName, CapabilityProof, Digest, ExtensionId, ExtensionName, Manifest, PublisherName, Version, VersionId,
    VersionStatus,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The response to a publish request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// Id of the version.
    pub id: String,
    /// Name of the extension.
    pub name: String,
    /// Version number of the extension.
    pub version: String,
    /// Content hash of the bundle.
    pub content_hash: String,
    /// Capabilities that the component imports.
    pub capabilities: BTreeSet<CapabilityName>,
    /// Capabilities that are declared and not imported.
    pub unused_capabilities: BTreeSet<CapabilityName>,
    /// Signer of the version.
    pub signing_key: String,
    /// True if the version is new; false if the same content was already published.
    pub created: bool,
    /// Warnings for the publisher: endpoints that match the same requests.
    pub warnings: Vec<String>,
}

/// A published version.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct VersionDetails {
    /// Id of the version.
    pub id: VersionId,
    /// Id of the extension.
    pub extension_id: ExtensionId,
    /// Name of the extension.
    pub name: ExtensionName,
    /// Publisher of the extension.
    pub publisher: PublisherName,
    /// Version number of the extension.
    #[schemars(with = "String")]
    pub version: Version,
    /// Content hash of the version's bundle.
    pub content_hash: Digest,
    /// Manifest of the version.
    pub manifest: Manifest,
    /// Capability proof of the version: the most that it can access.
    pub capability_proof: CapabilityProof,
    /// Signer of the version: a key id, `certificate <authority> <identity>`, or
    /// `keyless <deployment> <issuer> <identity>`.
    pub signing_key: String,
    /// Receipt of the registry (DSSE): its signature over the statement, the capability proof and
    /// the time at which it received them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<serde_json::Value>,
    /// Status of the version.
    pub status: VersionStatus,
    /// Reason for the deprecation, if the version is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<String>,
    /// Time of publication, in milliseconds since 1970.
    pub published_at_ms: i64,
}

/// A version in a list, without manifest and capability proof, which may be large.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct VersionSummary {
    /// Id of the version.
    pub id: VersionId,
    /// Name of the extension.
    pub name: ExtensionName,
    /// Version number of the extension.
    #[schemars(with = "String")]
    pub version: Version,
    /// Content hash of the version's bundle.
    pub content_hash: Digest,
    /// Status of the version.
    pub status: VersionStatus,
    /// Reason for the deprecation, if the version is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<String>,
    /// Time of publication, in milliseconds since 1970.
    pub published_at_ms: i64,
}

/// A page of versions, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// Versions of the page.
    pub versions: Vec<VersionSummary>,
    /// Value of `after` for the next page; null at the end of the list.
    pub next: Option<VersionId>,
}

/// The reason of a status change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Human-readable reason, also written to the audit log.
    pub reason: String,
}

/// Publishes a release: a [`form`](crate::form()) with `bundle` or `upload`, and `signatures`.
#[must_use]
pub fn publish(form: RequestBody) -> Operation<Published> {
    Operation::new("POST", &[&"extensions"]).body(form)
}

/// Lists the versions of an extension, newest first.
#[must_use]
pub fn versions(name: &str, page: &Page<'_>) -> Operation<Versions> {
    Operation::new("GET", &[&"extensions", &name, &"versions"]).page(page)
}

/// Shows a version with its manifest and capability proof.
#[must_use]
pub fn show_version(name: &str, version: &str) -> Operation<VersionDetails> {
    Operation::new("GET", &[&"extensions", &name, &"versions", &version])
}

/// Changes the status of a version; `action` is `yank`, `unyank`, `revoke` or `deprecate`.
#[must_use]
pub fn change_version(name: &str, version: &str, action: &str, reason: &Reason) -> Operation<VersionDetails> {
    Operation::new("POST", &[&"extensions", &name, &"versions", &version, &action]).json(reason)
}
