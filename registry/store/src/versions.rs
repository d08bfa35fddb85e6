use crate::audit::Change;
use crate::connection::Transaction;
use crate::database::{new_id, now_ms};
use crate::{BundleClaim, Database, StoreError};
use alga_bundle::{
    CapabilityProof, Digest, ExtensionId, ExtensionName, Manifest, PublisherName, Version, VersionId, VersionStatus,
};
use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A version to publish; all its fields have been verified.
#[derive(Debug)]
pub struct NewVersion<'a> {
    /// Manifest of the version.
    pub manifest: &'a Manifest,
    /// Capability proof of the version.
    pub proof: &'a CapabilityProof,
    /// Content hash of the version's bundle.
    pub content_hash: Digest,
    /// Claim under which the bundle was stored.
    pub claim: &'a BundleClaim,
    /// Size of the bundle in bytes.
    pub size_bytes: usize,
    /// Signer of the version, in the form of [`VersionRow::signing_key`].
    pub signing_key: &'a str,
    /// Receipt of the registry for the version.
    pub receipt: &'a str,
}

/// A published version.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// Id of the version.
    pub id: VersionId,
    /// Id of the extension.
    pub extension_id: ExtensionId,
    /// Name of the extension.
    pub name: ExtensionName,
    /// Publisher of the extension.
    pub publisher: PublisherName,
    /// Version number of the extension.
    pub version: Version,
    /// Content hash of the version's bundle.
    pub content_hash: Digest,
    /// Manifest of the version.
    pub manifest: Manifest,
    /// Capability proof of the version: the most that it can access.
    pub capability_proof: CapabilityProof,
    /// Signer of the version: a key id, `certificate <authority> <identity>`, or
    /// `keyless <deployment> <issuer> <identity>`.
    pub signing_key: String,
    /// Receipt of the registry (DSSE): its signature over the statement, the capability proof and
    /// the time at which it received them.
    pub receipt: Option<serde_json::Value>,
    /// Status of the version.
    pub status: VersionStatus,
    /// Reason for the deprecation, if the version is deprecated.
    pub deprecation: Option<String>,
    /// Time of publication, in milliseconds since 1970.
    pub published_at_ms: i64,
}

/// Outcome of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The version is new.
    Created(VersionId),
    /// The same content was already published under this version.
    Unchanged(VersionId),
}

/// Builds a query of versions from the common columns and join. A macro, because `concat!` accepts
/// only literals.
macro_rules! select {
    ($($rest:literal)*) => {
        concat!(
            "SELECT v.id, v.extension_id, r.name, r.publisher, v.version, v.content_hash, v.manifest, v.capability_proof, v.signing_key, v.receipt, ",
            "v.status, v.deprecation, v.published_at_ms FROM extension_version v JOIN extension_registry r ON r.id = v.extension_id ",
            $($rest),*
        )
    };
}

impl Database {
    /// Reports whether pages of a release may be shown: its version is not revoked, and its
    /// extension, found by name or id, has an enabled install: this one, if it is given.
    /// The install may have another version meanwhile, because pages may still be open.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn has_page(
        &self,
        extension: &str,
        content_hash: Digest,
        install: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let found = sqlx::query(
            "SELECT v.id FROM extension_version v JOIN extension_registry r ON r.id = v.extension_id \
             WHERE (r.name = $1 OR r.id = $1) AND v.content_hash = $2 AND v.status <> 'revoked' AND EXISTS \
             (SELECT 1 FROM tenant_extension_install i WHERE i.extension_id = r.id AND i.status = 'enabled' \
             AND ($3 = '' OR i.id = $3))",
        )
        .bind(extension)
        .bind(content_hash.to_string())
        .bind(install.unwrap_or_default())
        .fetch_optional(&mut *transaction)
        .await?;
        Ok(found.is_some())
    }

    /// Publishes a version whose bundle is in the blob store, in one transaction.
    ///
    /// # Errors
    /// Returns [`StoreError::VersionExists`] if the version exists with different content,
    /// [`StoreError::NameInUse`] if another publisher owns the name, or [`StoreError::Abandoned`]
    /// if garbage collection invalidated the claim.
    pub async fn publish(&self, new: &NewVersion<'_>) -> Result<PublishOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        // The transaction starts with a write, so that concurrent publishes of one version wait for
        // each other instead of failing.
        release_claim(&mut transaction, new).await?;
        let extension_id = ensure_extension(&mut transaction, new).await?;
        let version_id = insert_version(&mut transaction, new, &extension_id).await?;
        let (stored_id, stored_hash) = stored_version(&mut transaction, new, &extension_id).await?;
        if stored_hash != new.content_hash.to_string() {
            let (name, version) = (new.manifest.name.to_string(), new.manifest.version.to_string());
            return Err(StoreError::VersionExists {
                name,
                version,
                content_hash: stored_hash,
            });
        }
        let is_new = stored_id == version_id;
        if is_new {
            let details = json!({ "name": new.manifest.name, "version": new.manifest.version, "content_hash": new.content_hash, "signing_key": new.signing_key });
            self.append_audit(&mut transaction, about_version("version.publish", &version_id, details))
                .await?;
        }
        if !is_new {
            self.resign(&mut transaction, new, &stored_id).await?;
        }
        transaction.commit().await?;
        let id: VersionId = stored_id.parse().map_err(StoreError::row)?;
        Ok(if is_new {
            PublishOutcome::Created(id)
        } else {
            PublishOutcome::Unchanged(id)
        })
    }

    /// Finds a version by extension name and version number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn version(&self, name: &str, version: &str) -> Result<Option<VersionRow>, StoreError> {
        let row = sqlx::query(select!("WHERE r.name = $1 AND v.version = $2"))
            .bind(name)
            .bind(version)
            .fetch_optional(&mut *self.connection().await?)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Finds a version by id.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn version_by_id(&self, id: &VersionId) -> Result<Option<VersionRow>, StoreError> {
        let row = sqlx::query(select!("WHERE v.id = $1"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.connection().await?)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Yanks or revokes a version, or undoes a yank. A revocation is permanent.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if the version is already revoked.
    pub async fn set_version_status(
        &self,
        version: &VersionRow,
        status: VersionStatus,
        reason: &str,
        is_operator: bool,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let is_held = is_operator && status == VersionStatus::Yanked;
        let result = sqlx::query(
            "UPDATE extension_version SET status = $1, is_held = $2 \
             WHERE id = $3 AND status <> 'revoked' AND (is_held = 0 OR $4 = 1 OR $1 = 'revoked')",
        )
        .bind(status.as_str())
        .bind(i64::from(is_held))
        .bind(version.id.as_str())
        .bind(i64::from(is_operator))
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() != 1 {
            let is_revoked = status_of(&mut transaction, version).await? == VersionStatus::Revoked.as_str();
            return Err(if is_revoked {
                StoreError::Changed
            } else {
                StoreError::Held
            });
        }
        let details = json!({ "status": status, "reason": reason });
        self.append_audit(
            &mut transaction,
            about_version("version.status", version.id.as_str(), details),
        )
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Deprecates a version with a reason, or undoes the deprecation if there is no reason.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn deprecate_version(&self, version: &VersionRow, reason: Option<&str>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE extension_version SET deprecation = $1 WHERE id = $2")
            .bind(reason)
            .bind(version.id.as_str())
            .execute(&mut *transaction)
            .await?;
        let details = json!({ "deprecation": reason });
        self.append_audit(
            &mut transaction,
            about_version("version.deprecate", version.id.as_str(), details),
        )
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Returns the versions of an extension that were published before `before`, newest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn versions(
        &self,
        name: &str,
        before: Option<&VersionId>,
        limit: u32,
    ) -> Result<Vec<VersionSummaryRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.id, r.name, v.version, v.content_hash, v.status, v.deprecation, v.published_at_ms \
             FROM extension_version v JOIN extension_registry r ON r.id = v.extension_id \
             WHERE r.name = $1 AND v.id < $2 ORDER BY v.id DESC LIMIT $3",
        )
        .bind(name)
        .bind(before.map_or(AFTER_EVERY_ID, VersionId::as_str))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.connection().await?)
        .await?;
        rows.iter().map(read_summary).collect()
    }

    /// Updates signer and receipt in the row, after the stored signatures and receipt were replaced
    /// because they were no longer valid.
    async fn resign(&self, transaction: &mut Transaction, new: &NewVersion<'_>, id: &str) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE extension_version SET signing_key = $1, receipt = $2 WHERE id = $3 AND (receipt IS NULL OR receipt <> $2)",
        )
        .bind(new.signing_key)
        .bind(new.receipt)
        .bind(id)
        .execute(&mut **transaction)
        .await?;
        if result.rows_affected() == 1 {
            let details = json!({ "signing_key": new.signing_key });
            self.append_audit(transaction, about_version("version.sign", id, details))
                .await?;
        }
        Ok(())
    }
}

/// String that sorts after every id: ids consist of digits, lowercase letters and hyphens.
const AFTER_EVERY_ID: &str = "~";

/// A version in a list, without manifest and capability proof, which may be large.
#[derive(Debug, Clone)]
pub struct VersionSummaryRow {
    /// Id of the version.
    pub id: VersionId,
    /// Name of the extension.
    pub name: ExtensionName,
    /// Version number of the extension.
    pub version: Version,
    /// Content hash of the version's bundle.
    pub content_hash: Digest,
    /// Status of the version.
    pub status: VersionStatus,
    /// Reason for the deprecation, if the version is deprecated.
    pub deprecation: Option<String>,
    /// Time of publication, in milliseconds since 1970.
    pub published_at_ms: i64,
}

fn read_summary(row: &AnyRow) -> Result<VersionSummaryRow, StoreError> {
    let text = |name: &str| -> Result<String, StoreError> { Ok(row.try_get(name)?) };
    Ok(VersionSummaryRow {
        id: text("id")?.parse().map_err(StoreError::row)?,
        name: text("name")?.parse().map_err(StoreError::row)?,
        version: text("version")?.parse().map_err(StoreError::row)?,
        content_hash: text("content_hash")?.parse().map_err(StoreError::row)?,
        status: text("status")?.parse().map_err(StoreError::row)?,
        deprecation: row.try_get("deprecation")?,
        published_at_ms: row.try_get("published_at_ms")?,
    })
}

/// Replaces the claim with the bundle's row. Without a valid claim, the content must already have a
/// row, because otherwise its objects may have been removed.
async fn release_claim(transaction: &mut Transaction, new: &NewVersion<'_>) -> Result<(), StoreError> {
    let is_new = insert_bundle(transaction, new).await?;
    let released = sqlx::query(
        "DELETE FROM extension_bundle_claim WHERE content_hash = $1 AND claim_id = $2 AND collecting_since_ms IS NULL",
    )
    .bind(new.content_hash.to_string())
    .bind(new.claim.0.as_str())
    .execute(&mut **transaction)
    .await?;
    if is_new && released.rows_affected() == 0 {
        return Err(StoreError::Abandoned);
    }
    Ok(())
}

async fn insert_bundle(transaction: &mut Transaction, new: &NewVersion<'_>) -> Result<bool, StoreError> {
    let result = sqlx::query(
        "INSERT INTO extension_bundle (content_hash, size_bytes, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT (content_hash) DO NOTHING",
    )
    .bind(new.content_hash.to_string())
    .bind(i64::try_from(new.size_bytes).unwrap_or(i64::MAX))
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Returns the extension's id, creating it if needed. The first publisher of a name owns it.
async fn ensure_extension(transaction: &mut Transaction, new: &NewVersion<'_>) -> Result<String, StoreError> {
    sqlx::query(
        "INSERT INTO extension_registry (id, name, publisher, created_at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
    )
    .bind(new_id())
    .bind(new.manifest.name.as_str())
    .bind(new.manifest.publisher.as_str())
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    let row = sqlx::query("SELECT id, publisher FROM extension_registry WHERE name = $1")
        .bind(new.manifest.name.as_str())
        .fetch_one(&mut **transaction)
        .await?;
    let publisher: String = row.try_get("publisher")?;
    if publisher != new.manifest.publisher.as_str() {
        return Err(StoreError::NameInUse {
            name: new.manifest.name.to_string(),
            publisher,
        });
    }
    Ok(row.try_get("id")?)
}

async fn insert_version(
    transaction: &mut Transaction,
    new: &NewVersion<'_>,
    extension_id: &str,
) -> Result<String, StoreError> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO extension_version \
         (id, extension_id, version, content_hash, manifest, capability_proof, signing_key, receipt, status, published_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'published', $9) ON CONFLICT (extension_id, version) DO NOTHING",
    )
    .bind(id.clone())
    .bind(extension_id)
    .bind(new.manifest.version.to_string())
    .bind(new.content_hash.to_string())
    .bind(serde_json::to_string(new.manifest).map_err(StoreError::row)?)
    .bind(serde_json::to_string(new.proof).map_err(StoreError::row)?)
    .bind(new.signing_key)
    .bind(new.receipt)
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(id)
}

async fn stored_version(
    transaction: &mut Transaction,
    new: &NewVersion<'_>,
    extension_id: &str,
) -> Result<(String, String), StoreError> {
    let row = sqlx::query("SELECT id, content_hash FROM extension_version WHERE extension_id = $1 AND version = $2")
        .bind(extension_id)
        .bind(new.manifest.version.to_string())
        .fetch_one(&mut **transaction)
        .await?;
    Ok((row.try_get("id")?, row.try_get("content_hash")?))
}

pub(crate) fn read(row: &AnyRow) -> Result<VersionRow, StoreError> {
    let text = |name: &str| -> Result<String, StoreError> { Ok(row.try_get(name)?) };
    Ok(VersionRow {
        id: text("id")?.parse().map_err(StoreError::row)?,
        extension_id: text("extension_id")?.parse().map_err(StoreError::row)?,
        name: text("name")?.parse().map_err(StoreError::row)?,
        publisher: text("publisher")?.parse().map_err(StoreError::row)?,
        version: text("version")?.parse().map_err(StoreError::row)?,
        content_hash: text("content_hash")?.parse().map_err(StoreError::row)?,
        manifest: serde_json::from_str(&text("manifest")?).map_err(StoreError::row)?,
        capability_proof: serde_json::from_str(&text("capability_proof")?).map_err(StoreError::row)?,
        signing_key: text("signing_key")?,
        receipt: json(row, "receipt")?,
        status: text("status")?.parse().map_err(StoreError::row)?,
        deprecation: row.try_get("deprecation")?,
        published_at_ms: row.try_get("published_at_ms")?,
    })
}

fn json(row: &AnyRow, column: &str) -> Result<Option<serde_json::Value>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(StoreError::row))
        .transpose()
}

fn about_version<'a>(action: &'static str, id: &'a str, details: serde_json::Value) -> Change<'a> {
    Change {
        action,
        tenant: "",
        subject: id,
        details,
    }
}

async fn status_of(transaction: &mut Transaction, version: &VersionRow) -> Result<String, StoreError> {
    let row = sqlx::query("SELECT status FROM extension_version WHERE id = $1")
        .bind(version.id.as_str())
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get("status")?)
}
