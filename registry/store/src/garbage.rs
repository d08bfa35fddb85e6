//! Garbage collection of bundles that were stored but never published. A publish claims its content
//! hash before it stores a byte, and publishing the version replaces the claim; so a claim that
//! remains is garbage, and nothing else is. A collection marks a claim, removes its objects and
//! deletes the claim. Claiming a marked hash is refused, so a publish never relies on objects that
//! are about to be deleted.

use crate::database::{new_id, now_ms};
use crate::{BlobStore, Database, StoreError};
use alga_bundle::Digest;
use sqlx::Row;
use std::time::Duration;

/// Age from which an unpublished claim is garbage: longer than any publish, including clock skew
/// between hosts. Orphaned objects cost only storage; deleting a live bundle would cost trust.
pub const CLAIM_GRACE: Duration = Duration::from_hours(24);
/// Time after which an interrupted collection is resumed.
const COLLECTION_LIFE: Duration = Duration::from_hours(1);
/// Maximum time from marking to removing. A process that was suspended for longer leaves the claim
/// to the next collection.
const REMOVAL_TIME: Duration = Duration::from_mins(5);
/// Maximum number of claims per collection.
const CLAIMS: i64 = 1_000;

/// A claim on a content hash. Concurrent publishes of the same content share it; garbage collection
/// invalidates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleClaim(pub(crate) String);

/// A claim that is marked for collection.
#[derive(Debug, Clone, Copy)]
pub struct MarkedClaim {
    content_hash: Digest,
    marked_at_ms: i64,
}

impl Database {
    /// Claims a content hash for a publish in progress.
    ///
    /// # Errors
    /// Returns [`StoreError::BeingCollected`] if its objects are being removed, or
    /// [`StoreError::Database`] if the query fails.
    pub async fn claim_bundle(&self, content_hash: Digest) -> Result<BundleClaim, StoreError> {
        let row = sqlx::query(
            "INSERT INTO extension_bundle_claim (content_hash, claim_id, claimed_at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (content_hash) DO UPDATE SET claimed_at_ms = excluded.claimed_at_ms \
             WHERE extension_bundle_claim.collecting_since_ms IS NULL RETURNING claim_id",
        )
        .bind(content_hash.to_string())
        .bind(new_id())
        .bind(now_ms())
        .fetch_optional(&mut *self.connection().await?)
        .await?;
        let row = row.ok_or(StoreError::BeingCollected)?;
        Ok(BundleClaim(row.try_get("claim_id")?))
    }

    /// Marks claims that are older than `grace` and whose content was never published.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored hash
    /// is invalid.
    pub async fn mark_garbage(&self, grace: Duration) -> Result<Vec<MarkedClaim>, StoreError> {
        let now = now_ms();
        let before = |age: Duration| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let rows = sqlx::query(
            "UPDATE extension_bundle_claim SET collecting_since_ms = $1 WHERE content_hash IN (\
             SELECT c.content_hash FROM extension_bundle_claim c WHERE c.claimed_at_ms <= $2 \
             AND (c.collecting_since_ms IS NULL OR c.collecting_since_ms <= $3) \
             AND NOT EXISTS (SELECT 1 FROM extension_bundle b WHERE b.content_hash = c.content_hash) LIMIT $4) \
             AND claimed_at_ms <= $2 AND (collecting_since_ms IS NULL OR collecting_since_ms <= $3) RETURNING content_hash",
        )
        .bind(now)
        .bind(before(grace))
        .bind(before(COLLECTION_LIFE))
        .bind(CLAIMS)
        .fetch_all(&mut *self.connection().await?)
        .await?;
        let collected = rows.iter().map(|row| {
            let hash: String = row.try_get("content_hash")?;
            Ok(MarkedClaim {
                content_hash: hash.parse().map_err(StoreError::row)?,
                marked_at_ms: now,
            })
        });
        collected.collect()
    }

    /// Deletes claims of interrupted publishes whose content was already published: a version
    /// refers to it, so it is not garbage.
    async fn delete_published_claims(&self, grace: Duration) -> Result<(), StoreError> {
        let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        sqlx::query(
            "DELETE FROM extension_bundle_claim WHERE claimed_at_ms <= $1 AND collecting_since_ms IS NULL AND EXISTS (\
             SELECT 1 FROM extension_bundle b WHERE b.content_hash = extension_bundle_claim.content_hash)",
        )
        .bind(now_ms().saturating_sub(grace))
        .execute(&mut *self.connection().await?)
        .await?;
        Ok(())
    }

    /// Deletes a claim whose objects have been removed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn delete_claim(&self, collected: MarkedClaim) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM extension_bundle_claim WHERE content_hash = $1 AND collecting_since_ms = $2")
            .bind(collected.content_hash.to_string())
            .bind(collected.marked_at_ms)
            .execute(&mut *self.connection().await?)
            .await?;
        Ok(())
    }
}

impl BlobStore {
    /// Removes the objects of a marked claim. Returns `false` if it was marked too long ago; such a
    /// claim is left to a later collection.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] or [`StoreError::File`] if an object or the directory cannot
    /// be deleted.
    pub async fn remove_garbage(&self, collected: MarkedClaim) -> Result<bool, StoreError> {
        // The wall clock, because it also advances while a host is suspended.
        let age_ms = u128::try_from(now_ms().saturating_sub(collected.marked_at_ms)).unwrap_or(u128::MAX);
        if age_ms > REMOVAL_TIME.as_millis() {
            return Ok(false);
        }
        self.remove(collected.content_hash).await?;
        Ok(true)
    }
}

/// Removes bundles that were stored but never published, and returns their number.
///
/// # Errors
/// Returns the [`StoreError`] of the database if a query fails; a later collection resumes the
/// work.
pub async fn collect_garbage(database: &Database, blobs: &BlobStore, grace: Duration) -> Result<usize, StoreError> {
    database.delete_published_claims(grace).await?;
    let marked = database.mark_garbage(grace).await?;
    let mut removed = 0;
    for collected in marked {
        // A bundle that cannot be removed is retried later and does not block the others.
        match blobs.remove_garbage(collected).await {
            Ok(true) => {
                database.delete_claim(collected).await?;
                removed += 1;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(content_hash = %collected.content_hash, %error, "could not remove an abandoned bundle");
            }
        }
    }
    Ok(removed)
}
