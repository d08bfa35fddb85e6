//! Removal of expired rows: records past their time to live, and tombstones past their lifetime.
//!
//! A write to a namespace first sweeps it if a row is due; the hourly maintenance sweeps namespaces
//! without writes.

use super::rows::{NEVER_MS, NamespaceTransaction, RecordKey};
use super::{RecordError, Records};
use crate::database::now_ms;
use alga_bundle::{InstallId, TenantId};
use sqlx::Row;

impl NamespaceTransaction<'_> {
    pub(super) async fn sweep_if_due(&mut self) -> Result<(), RecordError> {
        let now = now_ms();
        if self.next_expiry_ms > now {
            return Ok(());
        }
        self.purge(now, false).await
    }

    /// Frees capacity by removing expired rows and all tombstones, even those not yet expired.
    pub(super) async fn purge_deleted(&mut self) -> Result<(), RecordError> {
        self.purge(now_ms(), true).await
    }

    async fn purge(&mut self, now: i64, also_deleted: bool) -> Result<(), RecordError> {
        self.remove(now, also_deleted).await?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS left_keys, COALESCE(SUM(LENGTH(record_key) + LENGTH(value) + LENGTH(metadata)), 0) AS left_bytes, \
             COALESCE(MIN(expires_at_ms), $1) AS next_ms \
             FROM ext_storage_records WHERE tenant_id = $2 AND install_id = $3 AND namespace = $4",
        )
        .bind(NEVER_MS)
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .fetch_one(&mut *self.transaction)
        .await?;
        self.keys = row.try_get("left_keys")?;
        self.bytes = row.try_get("left_bytes")?;
        self.next_expiry_ms = row.try_get("next_ms")?;
        Ok(())
    }

    async fn remove(&mut self, now: i64, also_deleted: bool) -> Result<(), RecordError> {
        let deleted_until_ms = if also_deleted { NEVER_MS } else { now };
        let row = sqlx::query(
            "SELECT COALESCE(MAX(revision), 0) AS highest FROM ext_storage_records \
             WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 AND (expires_at_ms <= $4 OR (is_deleted = 1 AND expires_at_ms <= $5))",
        )
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .bind(now)
        .bind(deleted_until_ms)
        .fetch_one(&mut *self.transaction)
        .await?;
        let highest: i64 = row.try_get("highest")?;
        sqlx::query(
            "DELETE FROM ext_storage_records WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 AND (expires_at_ms <= $4 OR (is_deleted = 1 AND expires_at_ms <= $5))",
        )
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .bind(now)
        .bind(deleted_until_ms)
        .execute(&mut *self.transaction)
        .await?;
        self.revision_floor = self.revision_floor.max(highest);
        Ok(())
    }
}

impl Records {
    /// Sweeps every namespace with expired rows and returns their number. A failure for one tenant
    /// does not affect the other tenants.
    ///
    /// # Errors
    /// Returns the last tenant's [`RecordError`] after all tenants were tried; the next sweep
    /// retries.
    pub async fn sweep(&self) -> Result<u64, RecordError> {
        let (mut swept, mut failure) = (0, None);
        for tenant in self.database.tenants().await? {
            match self.sweep_tenant(&tenant).await {
                Ok(namespaces) => swept += namespaces,
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(swept), Err)
    }

    pub(super) async fn sweep_tenant(&self, tenant: &TenantId) -> Result<u64, RecordError> {
        let mut swept = 0;
        for (install, namespace) in self.due(tenant).await? {
            let scope = RecordKey::new(tenant, &install, &namespace);
            let transaction = self.database.begin_as(tenant).await?;
            if let Some(mut writing) = NamespaceTransaction::open_existing(transaction, scope).await? {
                writing.sweep_if_due().await?;
                writing.commit(&self.database, &self.limits).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    async fn due(&self, tenant: &TenantId) -> Result<Vec<(InstallId, String)>, RecordError> {
        let mut reader = self.database.read_as(tenant).await?;
        let rows = sqlx::query(
            "SELECT install_id, namespace FROM ext_storage_usage WHERE tenant_id = $1 AND next_expiry_ms <= $2",
        )
        .bind(tenant.as_str())
        .bind(now_ms())
        .fetch_all(reader.connection())
        .await?;
        let namespace = |row: &sqlx::any::AnyRow| {
            let install: String = row.try_get("install_id")?;
            let install = install.parse().map_err(crate::StoreError::row)?;
            Ok((install, row.try_get("namespace")?))
        };
        rows.iter().map(namespace).collect()
    }
}
