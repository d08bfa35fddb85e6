//! Changes of existing installs. Each change is one transaction that includes its audit log entry.

use crate::audit::Change;
use crate::database::now_ms;
use crate::install_row::to_json;
use crate::secrets::touch;
use crate::{Database, InstallRow, StoreError, VersionRow};
use alga_bundle::{CapabilityName, EgressPattern, InstallStatus, TenantId};
use serde_json::json;
use sqlx::Any;
use sqlx::any::{AnyArguments, AnyQueryResult};
use sqlx::query::Query;
use std::collections::BTreeSet;

impl Database {
    /// Runs a statement that updates one install, and records the change, in one transaction.
    async fn update_install(
        &self,
        install: &InstallRow,
        update: Query<'_, Any, AnyArguments>,
        change: Change<'_>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(&install.tenant_id).await?;
        changed(&update.execute(&mut *transaction).await?)?;
        self.append_audit(&mut transaction, change).await?;
        Ok(transaction.commit().await?)
    }

    /// Stores an upgrade that waits for consent; the installed version continues to run.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was modified or deleted since it was read.
    pub async fn stage_upgrade(&self, install: &InstallRow, to: &VersionRow) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE tenant_extension_install SET pending_version_id = $1, updated_at_ms = $2, revision = revision + 1 \
             WHERE tenant_id = $3 AND id = $4 AND revision = $5",
        )
        .bind(to.id.as_str())
        .bind(now_ms())
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str())
        .bind(install.revision);
        let details = json!({ "to": to.version, "content_hash": to.content_hash });
        self.update_install(install, update, change("install.upgrade.pending", install, details))
            .await
    }

    /// Replaces the installed version, and stores it as the previous one.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was modified or deleted since it was read.
    pub async fn apply_upgrade(
        &self,
        install: &InstallRow,
        to: &VersionRow,
        grants: &BTreeSet<CapabilityName>,
        egress: Option<&BTreeSet<EgressPattern>>,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE tenant_extension_install SET previous_version_id = version_id, previous_grants = grants, previous_egress = egress, \
             version_id = $1, grants = $2, egress = $7, pending_version_id = NULL, updated_at_ms = $3, revision = revision + 1 \
             WHERE tenant_id = $4 AND id = $5 AND revision = $6",
        )
        .bind(to.id.as_str())
        .bind(serde_json::to_string(grants).map_err(StoreError::row)?)
        .bind(now_ms())
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str())
        .bind(install.revision)
        .bind(to_json(egress)?);
        let details = json!({ "to": to.version, "content_hash": to.content_hash, "grants": grants, "egress": egress });
        self.update_install(install, update, change("install.upgrade", install, details))
            .await
    }

    /// Restores the previous version and grants, and stores the current ones as the previous ones:
    /// a second rollback undoes the first.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was modified or deleted since it was read, or
    /// if it has no previous version.
    pub async fn roll_back(
        &self,
        install: &InstallRow,
        egress: Option<&BTreeSet<EgressPattern>>,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE tenant_extension_install SET version_id = previous_version_id, grants = previous_grants, \
             previous_version_id = version_id, previous_grants = grants, egress = $5, previous_egress = egress, pending_version_id = NULL, updated_at_ms = $1, \
             revision = revision + 1 WHERE tenant_id = $2 AND id = $3 AND revision = $4 AND previous_version_id IS NOT NULL",
        )
        .bind(now_ms())
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str())
        .bind(install.revision)
        .bind(to_json(egress)?);
        self.update_install(
            install,
            update,
            change("install.rollback", install, json!({ "to": install.previous })),
        )
        .await
    }

    /// Enables or disables an install.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was deleted.
    pub async fn set_install_status(&self, install: &InstallRow, status: InstallStatus) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE tenant_extension_install SET status = $1, updated_at_ms = $2, revision = revision + 1 WHERE tenant_id = $3 AND id = $4",
        )
        .bind(status.as_str())
        .bind(now_ms())
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str());
        self.update_install(
            install,
            update,
            change("install.status", install, json!({ "status": status })),
        )
        .await
    }

    /// Deletes an install with its configuration, secrets, records and execution log. The bundle is
    /// retained, because other installs may use it.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was already deleted.
    pub async fn uninstall(&self, install: &InstallRow) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(&install.tenant_id).await?;
        // Locks the install's row first, so that this transaction and one that sets a secret run
        // one after the other.
        touch(&mut transaction, install).await?;
        for statement in [
            "DELETE FROM ext_storage_records WHERE tenant_id = $1 AND install_id = $2",
            "DELETE FROM ext_storage_usage WHERE tenant_id = $1 AND install_id = $2",
            "DELETE FROM extension_execution_log WHERE tenant_id = $1 AND install_id = $2",
            "DELETE FROM extension_idempotency WHERE tenant_id = $1 AND install_id = $2",
            "DELETE FROM tenant_extension_install_config WHERE tenant_id = $1 AND install_id = $2",
            "DELETE FROM tenant_extension_install_secrets WHERE tenant_id = $1 AND install_id = $2",
        ] {
            sqlx::query(statement)
                .bind(install.tenant_id.as_str())
                .bind(install.id.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        self.remove_quotas(&mut transaction, &install.tenant_id, &install.id)
            .await?;
        let result = sqlx::query("DELETE FROM tenant_extension_install WHERE tenant_id = $1 AND id = $2")
            .bind(install.tenant_id.as_str())
            .bind(install.id.as_str())
            .execute(&mut *transaction)
            .await?;
        changed(&result)?;
        self.append_audit(
            &mut transaction,
            change(
                "install.uninstall",
                install,
                json!({ "version_id": install.version_id }),
            ),
        )
        .await?;
        Ok(transaction.commit().await?)
    }
}

fn change<'a>(action: &'static str, install: &'a InstallRow, details: serde_json::Value) -> Change<'a> {
    Change {
        action,
        tenant: TenantId::as_str(&install.tenant_id),
        subject: install.id.as_str(),
        details,
    }
}

fn changed(result: &AnyQueryResult) -> Result<(), StoreError> {
    if result.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::Changed)
    }
}
