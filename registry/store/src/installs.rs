use crate::audit::{Change, append};
use crate::database::{new_id, now_ms};
use crate::{Database, StoreError, VersionRow, VersionStatus};
use alga_bundle::{CapabilityName, Digest, ExtensionId, ExtensionName, InstallId, Manifest, TenantId, VersionId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Row, Transaction};
use std::collections::{BTreeMap, BTreeSet};

/// Whether an install takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its configuration.
    pub config: &'a BTreeMap<String, String>,
}

/// A tenant's install with what the request path needs of its version.
#[derive(Debug, Clone, Serialize)]
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
            "SELECT i.id, i.tenant_id, i.extension_id, r.name, i.version_id, v.content_hash, v.manifest, v.status AS version_status, ",
            "i.status, i.grants, i.pending_version_id, i.previous_version_id FROM tenant_extension_install i ",
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
        sqlx::query("DELETE FROM tenant_extension_install_config WHERE tenant_id = $1 AND install_id = $2")
            .bind(new.tenant.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        for (name, value) in new.config {
            sqlx::query("INSERT INTO tenant_extension_install_config (tenant_id, install_id, name, value) VALUES ($1, $2, $3, $4)")
                .bind(new.tenant.as_str())
                .bind(id.as_str())
                .bind(name.as_str())
                .bind(value.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        let details = json!({ "version_id": new.version.id, "content_hash": new.version.content_hash, "grants": new.grants, "config": new.config.keys().collect::<Vec<_>>() });
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

async fn with_config(connection: &mut AnyConnection, mut install: Install) -> Result<Install, StoreError> {
    let rows =
        sqlx::query("SELECT name, value FROM tenant_extension_install_config WHERE tenant_id = $1 AND install_id = $2")
            .bind(install.tenant_id.as_str())
            .bind(install.id.as_str())
            .fetch_all(connection)
            .await?;
    let defaults = install
        .manifest
        .config
        .iter()
        .filter_map(|field| Some((field.name.clone(), field.default.as_ref()?.to_string())));
    install.config = defaults.collect();
    for row in rows {
        install.config.insert(row.try_get("name")?, row.try_get("value")?);
    }
    Ok(install)
}

async fn upsert_install(transaction: &mut Transaction<'_, Any>, new: &NewInstall<'_>) -> Result<InstallId, StoreError> {
    let row = sqlx::query(
        "INSERT INTO tenant_extension_install \
         (id, tenant_id, extension_id, version_id, status, grants, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, 'enabled', $5, $6, $6) \
         ON CONFLICT (tenant_id, extension_id) DO UPDATE SET \
         previous_version_id = tenant_extension_install.version_id, previous_grants = tenant_extension_install.grants, \
         version_id = excluded.version_id, grants = excluded.grants, status = 'enabled', pending_version_id = NULL, updated_at_ms = excluded.updated_at_ms \
         RETURNING id",
    )
    .bind(new_id())
    .bind(new.tenant.as_str())
    .bind(new.version.extension_id.as_str())
    .bind(new.version.id.as_str())
    .bind(serde_json::to_string(new.grants).map_err(StoreError::row)?)
    .bind(now_ms())
    .fetch_one(&mut **transaction)
    .await?;
    let id: String = row.try_get("id")?;
    id.parse().map_err(StoreError::row)
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
    Ok(Install {
        id: text("id")?.parse().map_err(StoreError::row)?,
        tenant_id: text("tenant_id")?.parse().map_err(StoreError::row)?,
        extension_id: text("extension_id")?.parse().map_err(StoreError::row)?,
        name: text("name")?.parse().map_err(StoreError::row)?,
        version_id: text("version_id")?.parse().map_err(StoreError::row)?,
        content_hash: text("content_hash")?.parse().map_err(StoreError::row)?,
        manifest: serde_json::from_str(&text("manifest")?).map_err(StoreError::row)?,
        version_status: VersionStatus::parse(&text("version_status")?)?,
        status,
        grants: serde_json::from_str(&text("grants")?).map_err(StoreError::row)?,
        config: BTreeMap::new(),
        pending: version_id(row, "pending_version_id")?,
        previous: version_id(row, "previous_version_id")?,
    })
}
