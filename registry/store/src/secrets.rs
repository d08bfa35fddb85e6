//! Sealed secrets of installs. The store never has a secret in plaintext, only its envelope.

use crate::audit::Change;
use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, InstallRow, StoreError};
use alga_bundle::{InstallId, TenantId};
use serde_json::json;
use sqlx::Row;

impl Database {
    /// Stores a sealed secret, replacing an existing one with this name.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was deleted.
    pub async fn set_secret(&self, install: &InstallRow, name: &str, envelope: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(&install.tenant_id).await?;
        touch(&mut transaction, install).await?;
        put_secret(&mut transaction, &install.tenant_id, &install.id, name, envelope).await?;
        self.append_audit(&mut transaction, change("install.secret.set", install, name))
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Deletes a secret and returns whether it existed.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the install was deleted.
    pub async fn delete_secret(&self, install: &InstallRow, name: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin_as(&install.tenant_id).await?;
        touch(&mut transaction, install).await?;
        let result = sqlx::query(
            "DELETE FROM tenant_extension_install_secrets WHERE tenant_id = $1 AND install_id = $2 AND name = $3",
        )
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str())
        .bind(name)
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() == 0 {
            return Ok(false);
        }
        self.append_audit(&mut transaction, change("install.secret.delete", install, name))
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Returns the envelope of a secret, or `None` if it is not set.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn secret(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let row = sqlx::query(
            "SELECT envelope FROM tenant_extension_install_secrets WHERE tenant_id = $1 AND install_id = $2 AND name = $3",
        )
        .bind(tenant.as_str())
        .bind(install.as_str())
        .bind(name)
        .fetch_optional(&mut *reader.connection())
        .await?;
        row.map(|row| Ok(row.try_get("envelope")?)).transpose()
    }
}

/// Locks the install's row by updating it, so that this transaction and an uninstall run one after
/// the other.
pub(crate) async fn touch(transaction: &mut Transaction, install: &InstallRow) -> Result<(), StoreError> {
    let result = sqlx::query("UPDATE tenant_extension_install SET updated_at_ms = $1 WHERE tenant_id = $2 AND id = $3")
        .bind(now_ms())
        .bind(install.tenant_id.as_str())
        .bind(install.id.as_str())
        .execute(&mut **transaction)
        .await?;
    if result.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::Changed)
    }
}

pub(crate) async fn put_secret(
    transaction: &mut Transaction,
    tenant: &TenantId,
    install: &InstallId,
    name: &str,
    envelope: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tenant_extension_install_secrets (tenant_id, install_id, name, envelope, set_at_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, install_id, name) DO UPDATE SET envelope = excluded.envelope, set_at_ms = excluded.set_at_ms",
    )
    .bind(tenant.as_str())
    .bind(install.as_str())
    .bind(name)
    .bind(envelope)
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Creates an audit log entry with the secret's name but no part of its value.
fn change<'a>(action: &'static str, install: &'a InstallRow, name: &str) -> Change<'a> {
    Change {
        action,
        tenant: install.tenant_id.as_str(),
        subject: install.id.as_str(),
        details: json!({ "name": name }),
    }
}
