//! Shares of tenants in the processors.

use crate::audit::Change;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::TenantId;
use serde_json::json;
use sqlx::Row;

impl Database {
    /// Sets the weight of a tenant, or removes it.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn set_weight(&self, tenant: &TenantId, weight: Option<u32>) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        sqlx::query(
            "INSERT INTO extension_tenant_weight (tenant_id, weight, set_by, changed_at_ms) \
             VALUES ($1, CAST($2 AS BIGINT), $3, $4) ON CONFLICT (tenant_id) DO UPDATE SET weight = excluded.weight, \
             set_by = excluded.set_by, changed_at_ms = excluded.changed_at_ms",
        )
        .bind(tenant.as_str())
        .bind(weight.map(i64::from))
        .bind(self.actor.to_string())
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        let change = Change {
            action: "weight.set",
            tenant: tenant.as_str(),
            subject: tenant.as_str(),
            details: json!({ "weight": weight }),
        };
        self.append_audit(&mut transaction, change).await?;
        Ok(transaction.commit().await?)
    }

    /// Returns the weight of a tenant, if one was set.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn weight(&self, tenant: &TenantId) -> Result<Option<u32>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let row = sqlx::query("SELECT weight FROM extension_tenant_weight WHERE tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_optional(reader.connection())
            .await?;
        let weight = row.map(|row| row.try_get::<Option<i64>, _>("weight")).transpose()?;
        weight.flatten().map(u32::try_from).transpose().map_err(StoreError::row)
    }

    /// Returns the weights of all tenants that were set or removed since a time.
    ///
    /// # Errors
    /// As for [`Self::weight`].
    pub async fn weights_changed_since(&self, at_ms: i64) -> Result<Vec<(TenantId, Option<u32>)>, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let rows = sqlx::query("SELECT tenant_id, weight FROM extension_tenant_weight WHERE changed_at_ms >= $1")
            .bind(at_ms)
            .fetch_all(&mut *transaction)
            .await?;
        rows.iter()
            .map(|row| {
                let tenant: String = row.try_get("tenant_id")?;
                let weight: Option<i64> = row.try_get("weight")?;
                let weight = weight.map(u32::try_from).transpose().map_err(StoreError::row)?;
                Ok((tenant.parse().map_err(StoreError::row)?, weight))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_removed_weight_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        let (tenant, before) = ("acme".parse().unwrap(), now_ms());
        for weight in [Some(4), None] {
            database.set_weight(&tenant, weight).await.unwrap();
            assert_eq!(database.weight(&tenant).await.unwrap(), weight);
            let changed = database.weights_changed_since(before).await.unwrap();
            assert_eq!(changed, [(tenant.clone(), weight)]);
        }
        assert_eq!(database.weight(&"globex".parse().unwrap()).await.unwrap(), None);
    }
}
