//! The row of an install, as the request path reads it.

use crate::StoreError;
use alga_bundle::{
    CapabilityName, Digest, EgressPattern, ExtensionId, ExtensionName, InstallId, InstallStatus, Manifest,
    ManifestLimits, TenantId, VersionId, VersionStatus,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A tenant's install, with the data of its version that the request path needs.
#[derive(Debug, Clone)]
pub struct InstallRow {
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
    pub manifest: Arc<Manifest>,
    /// Status of the installed version; a revoked one must not run.
    pub version_status: VersionStatus,
    /// Status of the install; only an enabled one accepts requests.
    pub status: InstallStatus,
    /// Capabilities that the tenant granted.
    pub grants: BTreeSet<CapabilityName>,
    /// Effective configuration of the install: the tenant's values and the manifest's defaults.
    pub config: BTreeMap<String, String>,
    /// Configuration that the tenant set, without the manifest's defaults.
    pub own_config: BTreeMap<String, String>,
    /// Hosts that the install may call: those that the manifest declares and the tenant allows.
    pub egress: BTreeSet<EgressPattern>,
    /// Allowed hosts exactly as the tenant set them.
    pub own_egress: Option<BTreeSet<EgressPattern>>,
    /// Limits exactly as the tenant set them.
    pub own_limits: Option<ManifestLimits>,
    /// Allowed hosts that the tenant had set for the previous version.
    pub previous_egress: Option<BTreeSet<EgressPattern>>,
    /// Revision of the install, for optimistic concurrency control.
    pub revision: i64,
    /// Limits of the install: the tenant's, else the manifest's. The platform's limits cap both.
    pub limits: ManifestLimits,
    /// Names of the secrets that are set.
    pub secrets: BTreeSet<String>,
    /// Signer of the installed version.
    pub signing_key: String,
    /// Reason for which the installed version is deprecated, if it is.
    pub deprecation: Option<String>,
    /// Id of the version that waits for consent.
    pub pending: Option<VersionId>,
    /// Id of the version that a rollback would restore.
    pub previous: Option<VersionId>,
}

/// Serializes a value as JSON; `None` stays `None`.
pub(crate) fn to_json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, StoreError> {
    value
        .map(|value| serde_json::to_string(value).map_err(StoreError::row))
        .transpose()
}

fn from_json<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(StoreError::row))
        .transpose()
}

fn version_id(row: &AnyRow, column: &str) -> Result<Option<VersionId>, StoreError> {
    let id: Option<String> = row.try_get(column)?;
    id.map(|id| id.parse().map_err(StoreError::row)).transpose()
}

/// Reads a row of the query that joins install, version and extension.
pub(crate) fn read(row: &AnyRow) -> Result<InstallRow, StoreError> {
    let text = |name: &str| -> Result<String, StoreError> { Ok(row.try_get(name)?) };
    let manifest: Manifest = serde_json::from_str(&text("manifest")?).map_err(StoreError::row)?;
    let own_egress: Option<BTreeSet<EgressPattern>> = from_json(row, "egress")?;
    let is_allowed = |host: &&EgressPattern| own_egress.as_ref().is_none_or(|own| own.contains(*host));
    let own_limits: Option<ManifestLimits> = from_json(row, "limits")?;
    Ok(InstallRow {
        egress: manifest.egress.iter().filter(is_allowed).cloned().collect(),
        limits: own_limits.unwrap_or_default().or(manifest.limits),
        own_limits,
        previous_egress: from_json(row, "previous_egress")?,
        revision: row.try_get("revision")?,
        own_egress,
        signing_key: text("signing_key")?,
        deprecation: row.try_get("deprecation")?,
        secrets: BTreeSet::new(),
        id: text("id")?.parse().map_err(StoreError::row)?,
        tenant_id: text("tenant_id")?.parse().map_err(StoreError::row)?,
        extension_id: text("extension_id")?.parse().map_err(StoreError::row)?,
        name: text("name")?.parse().map_err(StoreError::row)?,
        version_id: text("version_id")?.parse().map_err(StoreError::row)?,
        content_hash: text("content_hash")?.parse().map_err(StoreError::row)?,
        manifest: Arc::new(manifest),
        version_status: text("version_status")?.parse().map_err(StoreError::row)?,
        status: text("status")?.parse().map_err(StoreError::row)?,
        grants: serde_json::from_str(&text("grants")?).map_err(StoreError::row)?,
        config: BTreeMap::new(),
        own_config: BTreeMap::new(),
        pending: version_id(row, "pending_version_id")?,
        previous: version_id(row, "previous_version_id")?,
    })
}
