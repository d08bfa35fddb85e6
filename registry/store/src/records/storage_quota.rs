//! Quotas of what tenants and installs store.

use super::RecordError;
use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, Meter, Period, TenantId};
use sqlx::Row;

/// Prefix of the name of the lock under which a tenant's stored bytes are added up.
const TURN: &str = "storage of ";

impl Database {
    /// Returns the bytes that a tenant, or one of its installs, stores in records.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn stored_bytes(&self, tenant: &TenantId, install: Option<&InstallId>) -> Result<i64, StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        let install = install.map_or("", InstallId::as_str);
        Ok(stored(&mut transaction, tenant.as_str(), install).await?)
    }

    /// Notes in the usage of this day what each install stores at the moment, if it is the most of
    /// the day. A failure for one tenant does not affect the other tenants.
    ///
    /// # Errors
    /// Returns the last tenant's [`StoreError`] after all tenants were tried.
    pub async fn note_stored_bytes(&self) -> Result<(), StoreError> {
        let mut failure = None;
        for tenant in self.tenants().await? {
            if let Err(error) = self.note_stored_bytes_of(&tenant).await {
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    pub(super) async fn note_stored_bytes_of(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        sqlx::query(
            "INSERT INTO extension_quota_usage (tenant_id, install_id, meter, period, starts_at_ms, used, leased, last_lease) \
             SELECT tenant_id, install_id, $2, $3, $4, CAST(SUM(size_bytes) AS BIGINT), 0, 0 FROM ext_storage_usage \
             WHERE tenant_id = $1 GROUP BY tenant_id, install_id HAVING SUM(size_bytes) > 0 \
             ON CONFLICT (tenant_id, install_id, meter, period, starts_at_ms) DO UPDATE SET used = \
             CASE WHEN excluded.used > extension_quota_usage.used THEN excluded.used ELSE extension_quota_usage.used END",
        )
        .bind(tenant.as_str())
        .bind(Meter::StorageBytes.as_str())
        .bind(Period::Day.as_str())
        .bind(Period::Day.around(now_ms()).0)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

/// Checks the quotas of a write that stores more bytes, which the rows of usage have already.
pub(super) async fn check(
    database: &Database,
    transaction: &mut Transaction,
    (tenant, install): (&str, &str),
    more: i64,
) -> Result<(), RecordError> {
    let rows = sqlx::query(
        "SELECT install_id, hard, soft FROM extension_quota WHERE tenant_id = $1 AND meter = $2 \
         AND (install_id = '' OR install_id = $3) AND (hard IS NOT NULL OR soft IS NOT NULL)",
    )
    .bind(tenant)
    .bind(Meter::StorageBytes.as_str())
    .bind(install)
    .fetch_all(&mut **transaction)
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    // Writes of the same tenant that are not committed are not in the sums of others.
    database.wait_for_turn(transaction, &format!("{TURN}{tenant}")).await?;
    for row in rows {
        let whose: String = row.try_get("install_id")?;
        let (hard, soft): (Option<i64>, Option<i64>) = (row.try_get("hard")?, row.try_get("soft")?);
        let bytes = stored(transaction, tenant, &whose).await?;
        if hard.is_some_and(|hard| bytes > hard) {
            return Err(RecordError::Full(match whose.is_empty() {
                true => "the storage quota of the tenant is used up",
                false => "the storage quota of this install is used up",
            }));
        }
        if soft.is_some_and(|soft| bytes > soft && bytes - more <= soft) {
            tracing::warn!(%tenant, install = %whose, bytes, ?soft, "a soft quota of storage is exceeded");
        }
    }
    Ok(())
}

/// Returns the bytes of one install, or of all installs of a tenant if it is empty.
async fn stored(transaction: &mut Transaction, tenant: &str, install: &str) -> Result<i64, sqlx::Error> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes FROM ext_storage_usage \
         WHERE tenant_id = $1 AND ($2 = '' OR install_id = $2)",
    )
    .bind(tenant)
    .bind(install)
    .fetch_one(&mut **transaction)
    .await?;
    row.try_get("bytes")
}
