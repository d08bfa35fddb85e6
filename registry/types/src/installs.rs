//! A tenant's installs, their upgrades and secrets. An install is named by its id, its extension's
//! id or its extension's name.

use crate::{Operation, Page};
use alga_bundle::{
    CapabilityDiff, CapabilityName, Digest, EgressPattern, ExtensionId, ExtensionName, InstallId, InstallStatus,
    Manifest, ManifestLimits, TenantId, Version, VersionId, VersionStatus, optional_object,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// A tenant's install of an extension.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Install {
    /// Id of the install.
    pub id: InstallId,
    /// Tenant that the install belongs to.
    pub tenant_id: TenantId,
    /// Id of the extension.
    pub extension_id: ExtensionId,
    /// Name of the extension.
    pub name: ExtensionName,
    /// Id of the installed version.
    pub version_id: VersionId,
    /// Content hash of the installed version.
    pub content_hash: Digest,
    /// Manifest of the installed version.
    pub manifest: Manifest,
    /// Status of the installed version; a revoked one must not run.
    pub version_status: VersionStatus,
    /// Status of the install; only an enabled one accepts requests.
    pub status: InstallStatus,
    /// Capabilities that the tenant granted.
    pub grants: BTreeSet<CapabilityName>,
    /// Effective configuration of the install: the tenant's values and the manifest's defaults.
    pub config: BTreeMap<String, String>,
    /// Hosts that the install may call: those that the manifest declares and the tenant allows.
    pub egress: BTreeSet<EgressPattern>,
    /// Revision of the install, for optimistic concurrency control.
    pub revision: i64,
    /// Limits of the install: the tenant's, else the manifest's. The platform's limits cap both.
    pub limits: ManifestLimits,
    /// Names of the secrets that are set.
    pub secrets: BTreeSet<String>,
    /// Signer of the installed version.
    pub signing_key: String,
    /// Warnings for administrators: the version's signer or bundle was revoked, or the version was
    /// deprecated or withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Id of the version that waits for consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_version_id: Option<VersionId>,
    /// Id of the version that a rollback would restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version_id: Option<VersionId>,
}

/// A page of installs, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Installs {
    /// Installs of the page.
    pub installs: Vec<Install>,
    /// Value of `after` for the next page; null at the end of the list.
    pub next: Option<InstallId>,
}

/// The version to install, with its grants and settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallRequest {
    /// The extension's name.
    pub extension: String,
    /// The version to install.
    pub version: String,
    /// Capabilities to grant in addition to those that every install has.
    pub grants: BTreeSet<CapabilityName>,
    /// Allows downgrading to an older version than the installed one.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Values of configuration keys.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Hosts that the install may call, out of those that the manifest declares; all of them if
    /// omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<BTreeSet<EgressPattern>>,
    /// Limits that replace the manifest's.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub limits: Option<ManifestLimits>,
    /// Secrets in plaintext; they are sealed before they are stored.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub secrets: BTreeMap<String, Zeroizing<String>>,
}

/// Configuration, hosts and limits. An omitted field is reset to the manifest's value.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsRequest {
    /// Values of configuration keys.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Hosts that the install may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<BTreeSet<EgressPattern>>,
    /// Limits that replace the manifest's.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub limits: Option<ManifestLimits>,
}

/// The version to upgrade to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeRequest {
    /// The version to upgrade to.
    #[schemars(with = "String")]
    pub version: Version,
    /// Allows an older version. It may have vulnerabilities that the installed one does not, so a
    /// downgrade must be explicitly requested.
    #[serde(default)]
    pub allow_downgrade: bool,
}

/// The version that the administrator consents to. A version that became pending in the meantime is
/// not approved.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// The pending version.
    #[schemars(with = "String")]
    pub version: Version,
}

/// The outcome of an upgrade, and the permissions that the new version has and the installed one
/// does not.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Upgrade {
    /// The upgrade is applied, or waits for consent.
    pub outcome: UpgradeOutcome,
    /// Permissions that the new version adds.
    pub diff: CapabilityDiff,
    /// The install after the request.
    pub install: Install,
}

/// Outcome of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpgradeOutcome {
    /// The new version is installed.
    Upgraded,
    /// The new version waits for consent.
    Pending,
}

/// A secret to set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// The secret in plaintext.
    #[schemars(with = "String", length(min = 1, max = 65_536))]
    pub value: Zeroizing<String>,
}

/// Installs a version, or replaces the version and settings of an install.
#[must_use]
pub fn install(tenant: &TenantId, request: &InstallRequest) -> Operation<Install> {
    Operation::new("POST", &[&"tenants", tenant, &"installs"]).json(request)
}

/// Lists a tenant's installs, oldest first.
#[must_use]
pub fn installs(tenant: &TenantId, page: &Page<'_>) -> Operation<Installs> {
    Operation::new("GET", &[&"tenants", tenant, &"installs"]).page(page)
}

/// Shows an install.
#[must_use]
pub fn show_install(tenant: &TenantId, install: &str) -> Operation<Install> {
    Operation::new("GET", &[&"tenants", tenant, &"installs", &install])
}

/// Uninstalls, deleting configuration, secrets and records.
#[must_use]
pub fn uninstall(tenant: &TenantId, install: &str) -> Operation<()> {
    Operation::new("DELETE", &[&"tenants", tenant, &"installs", &install])
}

/// Upgrades to another version, or stages it for consent.
#[must_use]
pub fn upgrade(tenant: &TenantId, install: &str, request: &UpgradeRequest) -> Operation<Upgrade> {
    change("POST", tenant, install, "upgrade").json(request)
}

/// Approves the pending version and grants its new capabilities.
#[must_use]
pub fn consent(tenant: &TenantId, install: &str, request: &ConsentRequest) -> Operation<Install> {
    change("POST", tenant, install, "consent").json(request)
}

/// Rolls back to the previous version.
#[must_use]
pub fn roll_back(tenant: &TenantId, install: &str) -> Operation<Install> {
    change("POST", tenant, install, "rollback")
}

/// Enables an install.
#[must_use]
pub fn enable(tenant: &TenantId, install: &str) -> Operation<Install> {
    change("POST", tenant, install, "enable")
}

/// Disables an install; its data is retained.
#[must_use]
pub fn disable(tenant: &TenantId, install: &str) -> Operation<Install> {
    change("POST", tenant, install, "disable")
}

/// Replaces configuration, hosts and limits.
#[must_use]
pub fn set_terms(tenant: &TenantId, install: &str, request: &TermsRequest) -> Operation<Install> {
    change("PUT", tenant, install, "terms").json(request)
}

/// Sets a secret, replacing its previous value.
#[must_use]
pub fn set_secret(tenant: &TenantId, install: &str, name: &str, request: &SecretRequest) -> Operation<()> {
    secret("PUT", tenant, install, name).json(request)
}

/// Deletes a secret.
#[must_use]
pub fn delete_secret(tenant: &TenantId, install: &str, name: &str) -> Operation<()> {
    secret("DELETE", tenant, install, name)
}

fn change<R>(method: &'static str, tenant: &TenantId, install: &str, action: &str) -> Operation<R> {
    Operation::new(method, &[&"tenants", tenant, &"installs", &install, &action])
}

fn secret(method: &'static str, tenant: &TenantId, install: &str, name: &str) -> Operation<()> {
    Operation::new(method, &[&"tenants", tenant, &"installs", &install, &"secrets", &name])
}
