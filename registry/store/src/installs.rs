use crate::audit::Change;
use crate::connection::Transaction;
use crate::database::{new_id, now_ms};
use crate::install_row::{read, to_json};
use crate::secrets::put_secret;
use crate::{Database, InstallRow, StoreError, VersionRow};
use alga_bundle::{CapabilityName, EgressPattern, InstallId, ManifestLimits, TenantId};
use serde_json::json;
use sqlx::{AnyConnection, Row};
use std::collections::{BTreeMap, BTreeSet};

/// An install to create, already checked against the version's manifest and capability proof.
#[derive(Debug)]
pub struct NewInstall<'a> {
    /// Tenant that installs the version.
    pub tenant: &'a TenantId,
    /// Version to install.
    pub version: &'a VersionRow,
    /// Capabilities that the tenant grants.
    pub grants: &'a BTreeSet<CapabilityName>,
    /// Id of the existing install, or of the one to create.
    pub id: &'a InstallId,
    /// Configuration, allowed hosts and limits.
    pub terms: &'a InstallSettings,
    /// Sealed secrets by name; existing secrets with other names are retained.
    pub secrets: &'a BTreeMap<String, String>,
}

/// Settings of an install that its tenant chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallSettings {
    /// Configuration values by name.
    pub config: BTreeMap<String, String>,
    /// Hosts of the manifest that the install may call; `None` allows all of them.
    pub egress: Option<BTreeSet<EgressPattern>>,
    /// Limits that override the manifest's; `None` uses the manifest's.
    pub limits: Option<ManifestLimits>,
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
    /// Installs a version for a tenant, replacing version, grants and settings of an existing
    /// install.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if a concurrent request created the install under another
    /// id, or [`StoreError::Database`] if a statement fails; then nothing is changed.
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
        self.append_audit(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Generates the id of an install before it is created, because its secrets are sealed for that
    /// id first.
    ///
    /// # Errors
    /// Returns [`StoreError::Row`] if the generated id is invalid, which does not occur.
    pub fn new_install_id() -> Result<InstallId, StoreError> {
        new_id().parse().map_err(StoreError::row)
    }

    /// Replaces configuration, allowed hosts and limits of an install.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was modified or deleted since it was read.
    pub async fn update_settings(&self, install: &InstallRow, terms: &InstallSettings) -> Result<(), StoreError> {
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
        self.append_audit(&mut transaction, change).await?;
        Ok(transaction.commit().await?)
    }

    /// Finds a tenant's install by install id, extension id or extension name.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn find_install(&self, tenant: &TenantId, extension: &str) -> Result<Option<InstallRow>, StoreError> {
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

    /// Returns the installs of a tenant that were created after `after`, oldest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn installs(
        &self,
        tenant: &TenantId,
        after: Option<&InstallId>,
        limit: u32,
    ) -> Result<Vec<InstallRow>, StoreError> {
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
    transaction: &mut Transaction,
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

async fn with_config(connection: &mut AnyConnection, mut install: InstallRow) -> Result<InstallRow, StoreError> {
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

async fn upsert_install(transaction: &mut Transaction, new: &NewInstall<'_>) -> Result<InstallId, StoreError> {
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
    // A concurrent request created the install under another id, for which the secrets sealed for
    // this id cannot be opened.
    if id != new.id.as_str() {
        return Err(StoreError::Changed);
    }
    Ok(new.id.clone())
}
