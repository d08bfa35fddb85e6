use crate::audit::{Change, append};
use crate::database::{new_id, now_ms};
use crate::secrets::put_secret;
use crate::{Database, StoreError, VersionRow, VersionStatus};
use alga_bundle::{
    CapabilityName, Digest, EgressPattern, ExtensionId, ExtensionName, InstallId, Manifest, ManifestLimits, TenantId,
    VersionId,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Row, Transaction};
use std::collections::{BTreeMap, BTreeSet};

/// Whether an install takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstallStatus {
    /// It does.
    Enabled,
    /// Its tenant switched it off.
    Disabled,
    /// It waits for consent.
    Pending,
}

/// An install to make, checked against the version's manifest and proof.
#[derive(Debug)]
pub struct NewInstall<'a> {
    /// For whom.
    pub tenant: &'a TenantId,
    /// Which version.
    pub version: &'a VersionRow,
    /// What the tenant grants.
    pub grants: &'a BTreeSet<CapabilityName>,
    /// The id that it has already, or will have.
    pub id: &'a InstallId,
    /// Configuration, hosts and limits.
    pub terms: &'a InstallSettings,
    /// Sealed secrets by name; others that are set stay.
    pub secrets: &'a BTreeMap<String, String>,
}

/// What a tenant sets for an install.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallSettings {
    /// Configuration.
    pub config: BTreeMap<String, String>,
    /// The hosts that it may call, of those in the manifest; none: all of those.
    pub egress: Option<BTreeSet<EgressPattern>>,
    /// Limits in place of the manifest's; none: the manifest's.
    pub limits: Option<ManifestLimits>,
}

/// A tenant's install with what the request path needs of its version.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Install {
    /// Its id.
    pub id: InstallId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its extension.
    pub extension_id: ExtensionId,
    /// Its extension's name.
    pub name: ExtensionName,
    /// The installed version.
    pub version_id: VersionId,
    /// The content of that version.
    pub content_hash: Digest,
    /// The manifest of that version.
    pub manifest: Manifest,
    /// Whether that version may run.
    pub version_status: VersionStatus,
    /// Whether the install takes requests.
    pub status: InstallStatus,
    /// What is granted.
    pub grants: BTreeSet<CapabilityName>,
    /// Its configuration: what is set, and the manifest's defaults.
    pub config: BTreeMap<String, String>,
    /// The configuration that the tenant set, without the manifest's defaults.
    #[serde(skip)]
    pub own_config: BTreeMap<String, String>,
    /// The hosts that it may call: what the manifest declares and the tenant allows.
    pub egress: BTreeSet<EgressPattern>,
    /// What the tenant set, as it was set.
    #[serde(skip)]
    pub own_egress: Option<BTreeSet<EgressPattern>>,
    /// The limits that the tenant set, as they were set.
    #[serde(skip)]
    pub own_limits: Option<ManifestLimits>,
    /// What the tenant had set for the version before.
    #[serde(skip)]
    pub previous_egress: Option<BTreeSet<EgressPattern>>,
    /// Counts its changes.
    pub revision: i64,
    /// Its limits: the tenant's, else the manifest's; the platform's are above both.
    pub limits: ManifestLimits,
    /// The secrets that are set, by name.
    pub secrets: BTreeSet<String>,
    /// Who signed the installed version.
    pub signing_key: String,
    /// What an administrator should know: that its signer or its bundle was revoked, that it was deprecated or withdrawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The version that waits for consent.
    #[serde(rename = "pending_version_id", skip_serializing_if = "Option::is_none")]
    pub pending: Option<VersionId>,
    /// The version that a rollback would put back.
    #[serde(rename = "previous_version_id", skip_serializing_if = "Option::is_none")]
    pub previous: Option<VersionId>,
}

macro_rules! select {
    ($($rest:literal)*) => {
        concat!(
            "SELECT i.id, i.tenant_id, i.extension_id, r.name, i.version_id, v.content_hash, v.manifest, v.status AS version_status, v.signing_key, v.deprecation, ",
            "i.status, i.grants, i.egress, i.previous_egress, i.limits, i.revision, i.pending_version_id, i.previous_version_id FROM tenant_extension_install i ",
            "JOIN extension_version v ON v.id = i.version_id JOIN extension_registry r ON r.id = i.extension_id ",
            $($rest),*
        )
    };
}

impl Database {
    /// Installs a version for a tenant, replacing the version, grants and configuration of an earlier install.
    ///
    /// # Errors
    /// When the database does not take it; then nothing changed.
    pub async fn install(&self, new: &NewInstall<'_>) -> Result<InstallId, StoreError> {
        let mut transaction = self.begin_as(new.tenant).await?;
        let id = upsert_install(&mut transaction, new).await?;
        put_config(&mut transaction, new.tenant, &id, &new.terms.config).await?;
        for (name, envelope) in new.secrets {
            put_secret(&mut transaction, new.tenant, &id, name, envelope).await?;
        }
        let details = json!({
            "version_id": new.version.id, "content_hash": new.version.content_hash, "grants": new.grants, "egress": new.terms.egress,
            "config": new.terms.config.keys().collect::<Vec<_>>(), "secrets": new.secrets.keys().collect::<Vec<_>>(),
        });
        let change = Change {
            action: "install.install",
            tenant: new.tenant.as_str(),
            subject: id.as_str(),
            details,
        };
        append(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// An id for an install that is yet to be made: its secrets are sealed for it first.
    ///
    /// # Errors
    /// Never.
    pub fn new_install_id() -> Result<InstallId, StoreError> {
        new_id().parse().map_err(StoreError::row)
    }

    /// Replaces configuration, hosts and limits of an install.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is gone, or not what it was when it was looked at.
    pub async fn update_settings(&self, install: &Install, terms: &InstallSettings) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(&install.tenant_id).await?;
        let result = sqlx::query(
            "UPDATE tenant_extension_install SET egress = $1, limits = $2, updated_at_ms = $3, revision = revision + 1 \
             WHERE tenant_id = $4 AND id = $5 AND revision = $6",
        )
        .bind(to_json(terms.egress.as_ref())?)
        .bind(to_json(terms.limits.as_ref())?)
        .bind(now_ms())
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str())
        .bind(install.revision)
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() != 1 {
            return Err(StoreError::Changed);
        }
        put_config(&mut transaction, &install.tenant_id, &install.id, &terms.config).await?;
        let details = json!({ "config": terms.config.keys().collect::<Vec<_>>(), "egress": terms.egress, "limits": terms.limits });
        let change = Change {
            action: "install.terms",
            tenant: install.tenant_id.as_str(),
            subject: install.id.as_str(),
            details,
        };
        append(&mut transaction, change).await?;
        Ok(transaction.commit().await?)
    }

    /// The install of a tenant that `extension` names: by install id, by registry id or by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_install(&self, tenant: &TenantId, extension: &str) -> Result<Option<Install>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let row = sqlx::query(select!(
            "WHERE i.tenant_id = $1 AND (i.id = $2 OR i.extension_id = $2 OR r.name = $2)"
        ))
        .bind(tenant.as_str())
        .bind(extension)
        .fetch_optional(&mut *reader.connection())
        .await?;
        match row {
            Some(row) => Ok(Some(with_config(reader.connection(), read(&row)?).await?)),
            None => Ok(None),
        }
    }

    /// The installs of a tenant, oldest first, that were made after `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn installs(
        &self,
        tenant: &TenantId,
        after: Option<&InstallId>,
        limit: u32,
    ) -> Result<Vec<Install>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let rows = sqlx::query(select!("WHERE i.tenant_id = $1 AND i.id > $2 ORDER BY i.id LIMIT $3"))
            .bind(tenant.as_str())
            .bind(after.map_or("", InstallId::as_str))
            .bind(i64::from(limit))
            .fetch_all(&mut *reader.connection())
            .await?;
        let mut installs = Vec::with_capacity(rows.len());
        for row in &rows {
            installs.push(with_config(reader.connection(), read(row)?).await?);
        }
        Ok(installs)
    }
}

async fn put_config(
    transaction: &mut Transaction<'_, Any>,
    tenant: &TenantId,
    install: &InstallId,
    config: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM tenant_extension_install_config WHERE tenant_id = $1 AND install_id = $2")
        .bind(tenant.as_str())
        .bind(install.as_str())
        .execute(&mut **transaction)
        .await?;
    for (name, value) in config {
        sqlx::query(
            "INSERT INTO tenant_extension_install_config (tenant_id, install_id, name, value) VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant.as_str())
        .bind(install.as_str())
        .bind(name.as_str())
        .bind(value.as_str())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

async fn with_config(connection: &mut AnyConnection, mut install: Install) -> Result<Install, StoreError> {
    let rows =
        sqlx::query("SELECT name, value FROM tenant_extension_install_config WHERE tenant_id = $1 AND install_id = $2")
            .bind(install.tenant_id.as_str())
            .bind(install.id.as_str())
            .fetch_all(&mut *connection)
            .await?;
    let secrets =
        sqlx::query("SELECT name FROM tenant_extension_install_secrets WHERE tenant_id = $1 AND install_id = $2")
            .bind(install.tenant_id.as_str())
            .bind(install.id.as_str())
            .fetch_all(connection)
            .await?;
    for row in secrets {
        install.secrets.insert(row.try_get("name")?);
    }
    let defaults = install
        .manifest
        .config
        .iter()
        .filter_map(|field| Some((field.name.clone(), field.default.as_ref()?.to_string())));
    install.config = defaults.collect();
    for row in rows {
        install.own_config.insert(row.try_get("name")?, row.try_get("value")?);
    }
    install.config.extend(install.own_config.clone());
    Ok(install)
}

async fn upsert_install(transaction: &mut Transaction<'_, Any>, new: &NewInstall<'_>) -> Result<InstallId, StoreError> {
    let row = sqlx::query(
        "INSERT INTO tenant_extension_install \
         (id, tenant_id, extension_id, version_id, status, grants, created_at_ms, updated_at_ms, egress, limits) \
         VALUES ($1, $2, $3, $4, 'enabled', $5, $6, $6, $7, $8) \
         ON CONFLICT (tenant_id, extension_id) DO UPDATE SET \
         previous_version_id = tenant_extension_install.version_id, previous_grants = tenant_extension_install.grants, \
         previous_egress = tenant_extension_install.egress, egress = excluded.egress, limits = excluded.limits, \
         version_id = excluded.version_id, grants = excluded.grants, revision = tenant_extension_install.revision + 1, pending_version_id = NULL, updated_at_ms = excluded.updated_at_ms \
         RETURNING id",
    )
    .bind(new.id.as_str())
    .bind(new.tenant.as_str())
    .bind(new.version.extension_id.as_str())
    .bind(new.version.id.as_str())
    .bind(serde_json::to_string(new.grants).map_err(StoreError::row)?)
    .bind(now_ms())
    .bind(to_json(new.terms.egress.as_ref())?)
    .bind(to_json(new.terms.limits.as_ref())?)
    .fetch_one(&mut **transaction)
    .await?;
    let id: String = row.try_get("id")?;
    // Somebody else installed it meanwhile: what was sealed for our id would not open for theirs.
    if id != new.id.as_str() {
        return Err(StoreError::Changed);
    }
    Ok(new.id.clone())
}

/// None stays none.
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

impl InstallStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Pending => "pending",
        }
    }
}

fn read(row: &AnyRow) -> Result<Install, StoreError> {
    let text = |name: &str| -> Result<String, StoreError> { Ok(row.try_get(name)?) };
    let status = match text("status")?.as_str() {
        "enabled" => InstallStatus::Enabled,
        "disabled" => InstallStatus::Disabled,
        "pending" => InstallStatus::Pending,
        other => return Err(StoreError::Row(format!("install status `{other}`"))),
    };
    let manifest: Manifest = serde_json::from_str(&text("manifest")?).map_err(StoreError::row)?;
    let own_egress: Option<BTreeSet<EgressPattern>> = from_json(row, "egress")?;
    let is_allowed = |host: &&EgressPattern| own_egress.as_ref().is_none_or(|own| own.contains(*host));
    let deprecation: Option<String> = row.try_get("deprecation")?;
    let deprecation = deprecation.map(|reason| format!("the installed version is deprecated: {reason}"));
    let own_limits: Option<ManifestLimits> = from_json(row, "limits")?;
    Ok(Install {
        egress: manifest.egress.iter().filter(is_allowed).cloned().collect(),
        limits: own_limits.unwrap_or_default().or(manifest.limits),
        own_limits,
        previous_egress: from_json(row, "previous_egress")?,
        revision: row.try_get("revision")?,
        own_egress,
        signing_key: text("signing_key")?,
        warnings: deprecation.into_iter().collect(),
        secrets: BTreeSet::new(),
        id: text("id")?.parse().map_err(StoreError::row)?,
        tenant_id: text("tenant_id")?.parse().map_err(StoreError::row)?,
        extension_id: text("extension_id")?.parse().map_err(StoreError::row)?,
        name: text("name")?.parse().map_err(StoreError::row)?,
        version_id: text("version_id")?.parse().map_err(StoreError::row)?,
        content_hash: text("content_hash")?.parse().map_err(StoreError::row)?,
        manifest,
        version_status: VersionStatus::parse(&text("version_status")?)?,
        status,
        grants: serde_json::from_str(&text("grants")?).map_err(StoreError::row)?,
        config: BTreeMap::new(),
        own_config: BTreeMap::new(),
        pending: version_id(row, "pending_version_id")?,
        previous: version_id(row, "previous_version_id")?,
    })
}
