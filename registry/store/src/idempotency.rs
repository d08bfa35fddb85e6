//! Responses by idempotency key, shared by all processes.

use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, TenantId};
use sqlx::Row;
use std::time::Duration;

/// Time for which a response is stored.
const RESPONSE_LIFE: Duration = Duration::from_hours(24);
/// Maximum number of keys of an install.
const KEYS: i64 = 10_000;
/// Maximum bytes of all responses of an install.
const RESPONSE_BYTES: i64 = 64 * 1024 * 1024;

/// Bytes of a row beside its response.
const ROW_BYTES: usize = 512;

/// Identifies one attempt to execute a request.
#[derive(Debug, Clone)]
pub struct IdempotencyClaim {
    /// Tenant of the request.
    pub tenant: TenantId,
    /// Install that the request is for.
    pub install: InstallId,
    /// Digest of user, method, path and key.
    pub key_digest: String,
    /// Digest of the body.
    pub body_digest: String,
    /// Unique name of the attempt.
    pub owner: String,
}

/// A response that is stored for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// Status of the response.
    pub status: u16,
    /// Header fields, as JSON.
    pub headers: String,
    /// Body of the response.
    pub body: Vec<u8>,
}

/// State of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The key is new: its owner executes the request.
    Claimed,
    /// The request was executed.
    Replied(StoredReply),
    /// Another attempt executes the request.
    Running,
    /// The key belongs to a request with another body.
    OtherBody,
    /// The install has as many keys or bytes as it can have.
    Full,
}

impl Database {
    /// Claims a key for an attempt that ends within `lease`, or returns its state. A claim whose
    /// lease is over is one whose process has stopped: it is replaced.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, or [`StoreError::Row`] if a stored
    /// row is invalid.
    pub async fn claim_idempotency(
        &self,
        claim: &IdempotencyClaim,
        lease: Duration,
    ) -> Result<ClaimOutcome, StoreError> {
        let now = now_ms();
        let mut transaction = self.begin_as(&claim.tenant).await?;
        sqlx::query(
            "DELETE FROM extension_idempotency WHERE tenant_id = $1 AND install_id = $2 AND key_digest = $3 AND expires_at_ms <= $4",
        )
        .bind(claim.tenant.as_str())
        .bind(claim.install.as_str())
        .bind(claim.key_digest.as_str())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let inserted = sqlx::query(
            "INSERT INTO extension_idempotency \
             (tenant_id, install_id, key_digest, body_digest, owner, status, headers, body, size_bytes, expires_at_ms) \
             SELECT $1, $2, $3, $4, $5, NULL, '', $6, 0, $7 FROM \
             (SELECT COUNT(*) AS keys, COALESCE(SUM(size_bytes), 0) AS bytes FROM extension_idempotency WHERE tenant_id = $1 AND install_id = $2 AND expires_at_ms > $10) AS usage \
             WHERE usage.keys < $8 AND usage.bytes < $9 ON CONFLICT DO NOTHING",
        )
        .bind(claim.tenant.as_str())
        .bind(claim.install.as_str())
        .bind(claim.key_digest.as_str())
        .bind(claim.body_digest.as_str())
        .bind(claim.owner.as_str())
        .bind(Vec::<u8>::new())
        .bind(now.saturating_add(milliseconds(lease)))
        .bind(KEYS)
        .bind(RESPONSE_BYTES)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let outcome = match inserted.rows_affected() {
            0 => state(&mut transaction, claim).await?,
            _ => ClaimOutcome::Claimed,
        };
        transaction.commit().await?;
        Ok(outcome)
    }

    /// Stores the response of an attempt. Returns false if its lease is over and the key belongs to
    /// another attempt.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn complete_idempotency(
        &self,
        claim: &IdempotencyClaim,
        reply: &StoredReply,
    ) -> Result<bool, StoreError> {
        let size = i64::try_from(reply.headers.len() + reply.body.len() + ROW_BYTES).unwrap_or(i64::MAX);
        let mut transaction = self.begin_as(&claim.tenant).await?;
        let completed = sqlx::query(
            "UPDATE extension_idempotency SET status = $1, headers = $2, body = $3, size_bytes = $4, expires_at_ms = $5 \
             WHERE tenant_id = $6 AND install_id = $7 AND key_digest = $8 AND owner = $9 AND status IS NULL",
        )
        .bind(i64::from(reply.status))
        .bind(reply.headers.as_str())
        .bind(reply.body.clone())
        .bind(size)
        .bind(now_ms().saturating_add(milliseconds(RESPONSE_LIFE)))
        .bind(claim.tenant.as_str())
        .bind(claim.install.as_str())
        .bind(claim.key_digest.as_str())
        .bind(claim.owner.as_str())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(completed.rows_affected() == 1)
    }

    /// Deletes the claim of an attempt that has no response, so that the request can be repeated.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn release_idempotency(&self, claim: &IdempotencyClaim) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(&claim.tenant).await?;
        sqlx::query(
            "DELETE FROM extension_idempotency WHERE tenant_id = $1 AND install_id = $2 AND key_digest = $3 AND owner = $4 AND status IS NULL",
        )
        .bind(claim.tenant.as_str())
        .bind(claim.install.as_str())
        .bind(claim.key_digest.as_str())
        .bind(claim.owner.as_str())
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Deletes expired keys and returns their number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn sweep_idempotency(&self) -> Result<u64, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let deleted = sqlx::query("DELETE FROM extension_idempotency WHERE expires_at_ms <= $1")
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the state of a key that could not be claimed.
async fn state(transaction: &mut Transaction, claim: &IdempotencyClaim) -> Result<ClaimOutcome, StoreError> {
    let row = sqlx::query(
        "SELECT body_digest, status, headers, body FROM extension_idempotency \
         WHERE tenant_id = $1 AND install_id = $2 AND key_digest = $3",
    )
    .bind(claim.tenant.as_str())
    .bind(claim.install.as_str())
    .bind(claim.key_digest.as_str())
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = row else {
        // Nothing was inserted for lack of space, or another attempt has released the key since.
        let is_full = is_full(transaction, claim).await?;
        return Ok(if is_full {
            ClaimOutcome::Full
        } else {
            ClaimOutcome::Running
        });
    };
    let body_digest: String = row.try_get("body_digest")?;
    let status: Option<i64> = row.try_get("status")?;
    Ok(match status {
        _ if body_digest != claim.body_digest => ClaimOutcome::OtherBody,
        None => ClaimOutcome::Running,
        Some(status) => ClaimOutcome::Replied(StoredReply {
            status: u16::try_from(status).map_err(StoreError::row)?,
            headers: row.try_get("headers")?,
            body: row.try_get("body")?,
        }),
    })
}

/// Reports whether an install has as many keys or bytes as it can have.
async fn is_full(transaction: &mut Transaction, claim: &IdempotencyClaim) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS keys, CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes FROM extension_idempotency \
         WHERE tenant_id = $1 AND install_id = $2 AND expires_at_ms > $3",
    )
    .bind(claim.tenant.as_str())
    .bind(claim.install.as_str())
    .bind(now_ms())
    .fetch_one(&mut **transaction)
    .await?;
    let (keys, bytes): (i64, i64) = (row.try_get("keys")?, row.try_get("bytes")?);
    Ok(keys >= KEYS || bytes >= RESPONSE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(install: &str, key: &str) -> IdempotencyClaim {
        IdempotencyClaim {
            tenant: "acme".parse().unwrap(),
            install: install.parse().unwrap(),
            key_digest: key.to_owned(),
            body_digest: "b".to_owned(),
            owner: "o".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_install_has_at_most_10000_keys_that_have_not_expired() {
        const LEASE: Duration = Duration::from_secs(60);
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        sqlx::query(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000) \
             INSERT INTO extension_idempotency (tenant_id, install_id, key_digest, body_digest, owner, status, headers, body, \
             size_bytes, expires_at_ms) \
             SELECT 'acme', 'i1', 'k' || n, 'b', 'o', 200, '', x'', 512, CASE n WHEN 1 THEN 1 ELSE $1 END FROM numbers",
        )
        .bind(now_ms() + 60_000)
        .execute(&database.pool)
        .await
        .unwrap();
        let claimed = async |claim: IdempotencyClaim| database.claim_idempotency(&claim, LEASE).await.unwrap();
        assert!(matches!(claimed(claim("i1", "last")).await, ClaimOutcome::Claimed));
        assert!(matches!(claimed(claim("i1", "more")).await, ClaimOutcome::Full));
        // A key that is known has its response, and other installs have their own keys.
        assert!(matches!(claimed(claim("i1", "k2")).await, ClaimOutcome::Replied(_)));
        assert!(matches!(claimed(claim("i2", "more")).await, ClaimOutcome::Claimed));
        database.release_idempotency(&claim("i1", "last")).await.unwrap();
        assert!(matches!(claimed(claim("i1", "more")).await, ClaimOutcome::Claimed));
    }
}
