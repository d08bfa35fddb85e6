//! Bundles that were put and never published. A publish claims its content hash before it puts a byte, and the version takes the claim's place; so a claim
//! that stays is garbage, and nothing else ever is. Collecting marks a claim, removes the objects, and forgets the claim. Claiming a marked
//! hash is refused, so a publish never relies on objects that are about to go.

use crate::database::{new_id, now_ms};
use crate::{BlobStore, Database, StoreError};
use alga_bundle::Digest;
use sqlx::Row;
use std::time::Duration;

/// How long a publish may take, clock errors between hosts included. Orphans cost room; a live bundle would cost trust.
pub const CLAIM_GRACE: Duration = Duration::from_hours(24);
/// When a collection that broke off is taken up again.
const COLLECTION_LIFE: Duration = Duration::from_hours(1);
/// Time from marking to removing. One who was stopped for longer leaves the claim to the next collection.
const REMOVAL_TIME: Duration = Duration::from_mins(5);
/// Claims of one collection.
const CLAIMS: i64 = 1_000;

/// A claim on a content hash. All who publish the same content at the same time share it; one that was collected meanwhile is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleClaim(pub(crate) String);

/// A claim that is marked.
#[derive(Debug, Clone, Copy)]
pub struct MarkedClaim {
    content_hash: Digest,
    marked_at_ms: i64,
}

impl Database {
    /// Claims a content hash for a publish that is under way.
    ///
    /// # Errors
    /// [`StoreError::BeingCollected`] when its objects are being removed at this moment.
    pub async fn claim_bundle(&self, content_hash: Digest) -> Result<BundleClaim, StoreError> {
        let row = sqlx::query(
            "INSERT INTO extension_bundle_claim (content_hash, claim_id, claimed_at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (content_hash) DO UPDATE SET claimed_at_ms = excluded.claimed_at_ms \
             WHERE extension_bundle_claim.collecting_since_ms IS NULL RETURNING claim_id",
        )
        .bind(content_hash.to_string())
        .bind(new_id())
        .bind(now_ms())
        .fetch_optional(&self.pool)
        .await?;
        let row = row.ok_or(StoreError::BeingCollected)?;
        Ok(BundleClaim(row.try_get("claim_id")?))
    }

    /// Marks claims older than `grace` that no version took the place of.
    ///
    /// # Errors
    /// When the database does not answer.
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
        .fetch_all(&self.pool)
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

    /// Forgets claims of repeated publishes that broke off: a version refers to the content, so it is no garbage.
    async fn delete_published_claims(&self, grace: Duration) -> Result<(), StoreError> {
        let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        sqlx::query(
            "DELETE FROM extension_bundle_claim WHERE claimed_at_ms <= $1 AND collecting_since_ms IS NULL AND EXISTS (\
             SELECT 1 FROM extension_bundle b WHERE b.content_hash = extension_bundle_claim.content_hash)",
        )
        .bind(now_ms().saturating_sub(grace))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets a claim whose objects are gone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_claim(&self, collected: MarkedClaim) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM extension_bundle_claim WHERE content_hash = $1 AND collecting_since_ms = $2")
            .bind(collected.content_hash.to_string())
            .bind(collected.marked_at_ms)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

impl BlobStore {
    /// Removes the objects of a marked claim; one that was marked too long ago is left to the next collection.
    ///
    /// # Errors
    /// When the object store does not do it.
    pub async fn remove_garbage(&self, collected: MarkedClaim) -> Result<bool, StoreError> {
        // The wall clock: it counts while a host is suspended.
        let age_ms = u128::try_from(now_ms().saturating_sub(collected.marked_at_ms)).unwrap_or(u128::MAX);
        if age_ms > REMOVAL_TIME.as_millis() {
            return Ok(false);
        }
        self.remove(collected.content_hash).await?;
        Ok(true)
    }
}

/// Collects bundles that were put and never published; how many.
///
/// # Errors
/// When a store does not answer; what was begun is taken up by a later collection.
pub async fn collect_garbage(database: &Database, blobs: &BlobStore, grace: Duration) -> Result<usize, StoreError> {
    database.delete_published_claims(grace).await?;
    let marked = database.mark_garbage(grace).await?;
    let mut removed = 0;
    for collected in marked {
        // One that cannot be removed is taken up later, and keeps nobody else's from going.
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
