//! API keys. The store has the digest of a secret, never the secret.

use crate::audit::Change;
use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::TenantId;
use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Maximum number of keys of a tenant, and of the platform, with those that are invalid and not
/// deleted yet.
const KEYS: i64 = 1000;
/// Time in milliseconds after which a revoked or expired key is deleted.
const INVALID_LIFE_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// Columns of [`ApiKeyRow`].
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, tenant_id, kind, names, access, label, digest, created_by, created_at_ms, expires_at_ms, \
             revoked_at_ms, used_at_ms FROM extension_api_key ",
            $condition
        )
    };
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Id, which sorts by creation time.
    pub id: String,
    /// Tenant of the key; `None` for a key of the platform.
    pub tenant: Option<TenantId>,
    /// Kind of principal.
    pub kind: String,
    /// Names of extensions that a publisher's key is for.
    pub names: Vec<String>,
    /// Access to the tenant's extensions.
    pub access: String,
    /// Name that the creator gave the key.
    pub label: String,
    /// SHA-256 of the secret, in hexadecimal.
    pub digest: String,
    /// Actor that created the key.
    pub created_by: String,
    /// Time of the creation, in milliseconds since 1970; the same for the other times.
    pub created_at_ms: i64,
    /// Time after which the key is invalid.
    pub expires_at_ms: i64,
    /// Time at which the key was revoked.
    pub revoked_at_ms: Option<i64>,
    /// Time of the last use, within a minute.
    pub used_at_ms: Option<i64>,
}

/// A key to store.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// Id of the key.
    pub id: &'a str,
    /// Tenant of the key; `None` for a key of the platform.
    pub tenant: Option<&'a TenantId>,
    /// Kind of principal.
    pub kind: &'a str,
    /// Names of extensions that a publisher's key is for.
    pub names: Vec<String>,
    /// Access to the tenant's extensions.
    pub access: &'a str,
    /// Name that the creator gave the key.
    pub label: &'a str,
    /// SHA-256 of the secret.
    pub digest: &'a [u8; 32],
    /// Seconds until the key expires.
    pub lifetime_seconds: u64,
}

impl Database {
    /// Stores a new key, created by this handle's actor, and returns it.
    ///
    /// # Errors
    /// Returns [`StoreError::TooManyKeys`] if its owner has too many keys, and
    /// [`StoreError::Database`] if a statement fails.
    pub async fn create_api_key(&self, new: &NewApiKey<'_>) -> Result<ApiKeyRow, StoreError> {
        let tenant = text_of(new.tenant);
        let mut transaction = self.begin_for(new.tenant).await?;
        // Counting and inserting are one step.
        self.wait_for_turn(&mut transaction, &format!("api keys of {tenant}"))
            .await?;
        let now = now_ms();
        let lifetime_ms = i64::try_from(new.lifetime_seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        let names = serde_json::to_string(&new.names).map_err(StoreError::row)?;
        let row = sqlx::query(
            "INSERT INTO extension_api_key (id, tenant_id, kind, names, access, label, digest, created_by, \
             created_at_ms, expires_at_ms) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE $11 > (SELECT COUNT(*) FROM extension_api_key \
             WHERE tenant_id = $2) \
             RETURNING id, tenant_id, kind, names, access, label, digest, created_by, created_at_ms, expires_at_ms, \
             revoked_at_ms, used_at_ms",
        )
        .bind(new.id)
        .bind(tenant)
        .bind(new.kind)
        .bind(names)
        .bind(new.access)
        .bind(new.label)
        .bind(hex::encode(new.digest))
        .bind(self.actor.to_string())
        .bind(now)
        .bind(now.saturating_add(lifetime_ms))
        .bind(KEYS)
        .fetch_optional(&mut *transaction)
        .await?;
        let key = read(&row.ok_or(StoreError::TooManyKeys)?)?;
        let details = json!({
            "kind": key.kind, "names": key.names, "access": key.access, "label": key.label, "expires_at_ms": key.expires_at_ms,
        });
        let change = Change {
            action: "key.create",
            tenant,
            subject: &key.id,
            details,
        };
        self.append_audit(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// Returns keys of a tenant, or of the platform, oldest first, after the key with this id.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn api_keys(
        &self,
        tenant: Option<&TenantId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        let mut transaction = self.begin_for(tenant).await?;
        let rows = sqlx::query(select!("WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"))
            .bind(text_of(tenant))
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&mut *transaction)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Finds a key by its id, whichever tenant it belongs to.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if the stored
    /// row is invalid.
    pub async fn api_key(&self, id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let row = sqlx::query(select!("WHERE id = $1"))
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Records that a key was used now.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn record_api_key_use(&self, id: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        sqlx::query("UPDATE extension_api_key SET used_at_ms = $1 WHERE id = $2")
            .bind(now_ms())
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Revokes a key of a tenant, or of the platform, and returns whether it was not revoked
    /// before. The first revocation is recorded, others change nothing.
    ///
    /// # Errors
    /// Returns [`StoreError::NotFound`] if there is no such key, and [`StoreError::Database`] if a
    /// statement fails.
    pub async fn revoke_api_key(&self, tenant: Option<&TenantId>, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin_for(tenant).await?;
        let revoked = sqlx::query(
            "UPDATE extension_api_key SET revoked_at_ms = $1 WHERE tenant_id = $2 AND id = $3 AND revoked_at_ms IS NULL",
        )
        .bind(now_ms())
        .bind(text_of(tenant))
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        if revoked.rows_affected() == 0 {
            let known = sqlx::query(select!("WHERE tenant_id = $1 AND id = $2"))
                .bind(text_of(tenant))
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
            return known.map(|_| false).ok_or(StoreError::NotFound);
        }
        // With the sessions that the key has begun.
        sqlx::query("DELETE FROM extension_session WHERE actor = $1")
            .bind(format!("key:{id}"))
            .execute(&mut *transaction)
            .await?;
        let change = Change {
            action: "key.revoke",
            tenant: text_of(tenant),
            subject: id,
            details: json!({}),
        };
        self.append_audit(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes keys that have been invalid for 90 days, and returns their number. The audit log
    /// retains who created and revoked them.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn sweep_api_keys(&self) -> Result<u64, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let deleted = sqlx::query("DELETE FROM extension_api_key WHERE expires_at_ms < $1 OR revoked_at_ms < $1")
            .bind(now_ms() - INVALID_LIFE_MS)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }

    async fn begin_for(&self, tenant: Option<&TenantId>) -> Result<Transaction, StoreError> {
        match tenant {
            Some(tenant) => self.begin_as(tenant).await,
            None => self.begin_across_tenants().await,
        }
    }
}

/// Returns the stored form of a tenant; a key of the platform has an empty one.
fn text_of(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}

fn read(row: &AnyRow) -> Result<ApiKeyRow, StoreError> {
    let tenant: String = row.try_get("tenant_id")?;
    let names: String = row.try_get("names")?;
    Ok(ApiKeyRow {
        id: row.try_get("id")?,
        tenant: (!tenant.is_empty())
            .then(|| tenant.parse())
            .transpose()
            .map_err(StoreError::row)?,
        kind: row.try_get("kind")?,
        names: serde_json::from_str(&names).map_err(StoreError::row)?,
        access: row.try_get("access")?,
        label: row.try_get("label")?,
        digest: row.try_get("digest")?,
        created_by: row.try_get("created_by")?,
        created_at_ms: row.try_get("created_at_ms")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
        revoked_at_ms: row.try_get("revoked_at_ms")?,
        used_at_ms: row.try_get("used_at_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new<'a>(id: &'a str, tenant: Option<&'a TenantId>) -> NewApiKey<'a> {
        NewApiKey {
            id,
            tenant,
            kind: "caller",
            names: Vec::new(),
            access: "read",
            label: "l",
            digest: &[0; 32],
            lifetime_seconds: 60,
        }
    }

    #[tokio::test]
    async fn an_owner_has_at_most_1000_keys_until_invalid_ones_are_swept() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        sqlx::query(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999) \
             INSERT INTO extension_api_key (id, tenant_id, kind, names, access, label, digest, created_by, created_at_ms, \
             expires_at_ms, revoked_at_ms) \
             SELECT n, 'acme', 'caller', '[]', 'read', 'l', '', 'a', 0, \
             CASE n WHEN 1 THEN $1 - 1 ELSE $2 END, CASE n WHEN 2 THEN $1 - 1 WHEN 3 THEN $1 + 60000 END FROM numbers",
        )
        .bind(now_ms() - INVALID_LIFE_MS)
        .bind(now_ms() + 60_000)
        .execute(&database.pool)
        .await
        .unwrap();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let create = async |id, tenant| database.create_api_key(&new(id, tenant)).await;
        create("last", Some(&acme)).await.unwrap();
        assert!(matches!(create("x", Some(&acme)).await, Err(StoreError::TooManyKeys)));
        // Other owners have their own keys.
        create("globex", Some(&globex)).await.unwrap();
        create("platform", None).await.unwrap();
        // One that expired and one that was revoked 90 days ago; another was revoked later.
        assert_eq!(database.sweep_api_keys().await.unwrap(), 2);
        create("y", Some(&acme)).await.unwrap();
        create("z", Some(&acme)).await.unwrap();
        assert!(matches!(create("x", Some(&acme)).await, Err(StoreError::TooManyKeys)));
    }
}
