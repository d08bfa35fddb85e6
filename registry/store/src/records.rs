//! The key/value records of installs.
//!
//! A write first updates the namespace's usage row. That row is the lock under which records and
//! counters change together, on SQLite (single writer) as on Postgres (row lock). Reads acquire no
//! lock, because each row is written atomically.
//!
//! The rows of expired and deleted records remain for a while and count toward the limits; the row
//! of a deleted record (a tombstone) preserves its revision. When such rows are purged, the
//! namespace stores their highest revision, and new keys start above it, so that no revision is
//! used twice.

use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, TenantId};
use rows::{NamespaceTransaction, RecordKey};
use sqlx::Row;

mod rows;
mod storage_quota;
mod sweep;

/// Key/value records of all installs in a database.
#[derive(Clone)]
pub struct Records {
    database: Database,
    limits: RecordLimits,
}

/// Storage limits of an install.
#[derive(Debug, Clone, Copy)]
pub struct RecordLimits {
    /// Maximum number of namespaces per install.
    pub namespaces: u64,
    /// Maximum number of keys per namespace.
    pub keys: u64,
    /// Maximum size of a namespace in bytes: keys, values and metadata.
    pub namespace_bytes: u64,
}

/// A stored key/value record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct StoredRecord {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub revision: u64,
    pub expires_in_seconds: Option<u32>,
}

/// A record to write.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct RecordWrite {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub if_revision: Option<u64>,
    pub ttl_seconds: Option<u32>,
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct RecordPage {
    /// Records in the byte order of their keys.
    pub records: Vec<StoredRecord>,
    /// True if more records follow.
    pub has_more: bool,
}

/// Usage of a namespace. Expired and deleted records count until they are purged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordUsage {
    /// Number of keys.
    pub keys: u64,
    /// Total size of keys, values and metadata in bytes.
    pub bytes: u64,
}

/// Reasons a record operation fails.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record is not at the expected revision but at this one; 0 if it does not exist.
    #[error("the record is at revision {0}")]
    Conflict(u64),
    /// A storage limit is reached; the text names it.
    #[error("{0}")]
    Full(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RecordError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Records {
    /// Creates access to the records in this database, under these limits.
    #[must_use]
    pub fn new(database: Database, limits: RecordLimits) -> Self {
        Self { database, limits }
    }

    /// Reads a record that has not expired.
    ///
    /// # Errors
    /// Returns [`RecordError::Store`] if the database query fails or a stored row is invalid.
    pub async fn get(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        key: &str,
    ) -> Result<Option<StoredRecord>, RecordError> {
        let mut reader = self.database.read_as(tenant).await?;
        let row = sqlx::query(
            "SELECT record_key, value, metadata, revision, expires_at_ms FROM ext_storage_records \
             WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 AND record_key = $4 AND is_deleted = 0 AND expires_at_ms > $5",
        )
        .bind(tenant.as_str())
        .bind(install.as_str())
        .bind(namespace)
        .bind(key.as_bytes())
        .bind(now_ms())
        .fetch_optional(reader.connection())
        .await?;
        row.as_ref().map(rows::read).transpose()
    }

    /// Reads several records in the order of `keys`, each as [`get`](Self::get) does.
    ///
    /// # Errors
    /// Returns [`RecordError::Store`] if the database query fails or a stored row is invalid.
    pub async fn get_many(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        keys: &[String],
    ) -> Result<Vec<Option<StoredRecord>>, RecordError> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.get(tenant, install, namespace, key).await?);
        }
        Ok(found)
    }

    /// Writes a record and returns its new revision.
    ///
    /// # Errors
    /// Returns [`RecordError::Conflict`] if the expected revision is not the current one, or
    /// [`RecordError::Full`] if a limit is reached.
    pub async fn put(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        write: &RecordWrite,
    ) -> Result<u64, RecordError> {
        let revisions = self
            .put_many(tenant, install, namespace, std::slice::from_ref(write))
            .await?;
        Ok(revisions.first().copied().unwrap_or_default())
    }

    /// Writes several records with different keys, all or none, and returns their revisions.
    ///
    /// # Errors
    /// Returns [`RecordError::Conflict`] if an expected revision is not the current one, or
    /// [`RecordError::Full`] if a limit is reached.
    pub async fn put_many(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        writes: &[RecordWrite],
    ) -> Result<Vec<u64>, RecordError> {
        let scope = RecordKey::new(tenant, install, namespace);
        let mut writing = NamespaceTransaction::open_or_create(
            &self.database,
            self.database.begin_as(tenant).await?,
            scope,
            &self.limits,
        )
        .await?;
        let mut revisions = Vec::with_capacity(writes.len());
        for write in writes {
            revisions.push(writing.put(write).await?);
        }
        writing.commit(&self.database, &self.limits).await?;
        Ok(revisions)
    }

    /// Deletes a record, leaving a tombstone that preserves its revision, and returns whether the
    /// record existed.
    ///
    /// # Errors
    /// Returns [`RecordError::Conflict`] if the expected revision is not the current one.
    pub async fn delete(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        key: &str,
        if_revision: Option<u64>,
    ) -> Result<bool, RecordError> {
        let scope = RecordKey::new(tenant, install, namespace);
        let transaction = self.database.begin_as(tenant).await?;
        let Some(mut writing) = NamespaceTransaction::open_existing(transaction, scope).await? else {
            // The namespace does not exist, and a delete must not create it.
            return match if_revision {
                Some(expected) if expected != 0 => Err(RecordError::Conflict(0)),
                _ => Ok(false),
            };
        };
        let was_there = writing.delete(key, if_revision).await?;
        writing.commit(&self.database, &self.limits).await?;
        Ok(was_there)
    }

    /// Returns the usage of a namespace.
    ///
    /// # Errors
    /// Returns [`RecordError::Store`] if the database query fails.
    pub async fn usage(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
    ) -> Result<RecordUsage, RecordError> {
        let mut reader = self.database.read_as(tenant).await?;
        let row = sqlx::query(
            "SELECT key_count, size_bytes FROM ext_storage_usage WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3",
        )
        .bind(tenant.as_str())
        .bind(install.as_str())
        .bind(namespace)
        .fetch_optional(reader.connection())
        .await?;
        let Some(row) = row else {
            return Ok(RecordUsage::default());
        };
        let (keys, bytes): (i64, i64) = (row.try_get("key_count")?, row.try_get("size_bytes")?);
        Ok(RecordUsage {
            keys: u64::try_from(keys).unwrap_or_default(),
            bytes: u64::try_from(bytes).unwrap_or_default(),
        })
    }

    /// Lists at most `limit` records whose keys start with `prefix` and sort after `after`.
    ///
    /// # Errors
    /// Returns [`RecordError::Store`] if the database query fails or a stored row is invalid.
    pub async fn list(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<RecordPage, RecordError> {
        let mut reader = self.database.read_as(tenant).await?;
        let rows = sqlx::query(
            "SELECT record_key, value, metadata, revision, expires_at_ms FROM ext_storage_records \
             WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 AND record_key >= $4 AND record_key > $5 AND record_key < $6 \
             AND is_deleted = 0 AND expires_at_ms > $7 ORDER BY record_key LIMIT $8",
        )
        .bind(tenant.as_str())
        .bind(install.as_str())
        .bind(namespace)
        .bind(prefix.as_bytes())
        .bind(after.unwrap_or_default().as_bytes())
        .bind(rows::after_all_with(prefix))
        .bind(now_ms())
        .bind(i64::from(limit) + 1)
        .fetch_all(reader.connection())
        .await?;
        let wanted = limit as usize;
        let records = rows.iter().take(wanted).map(rows::read).collect::<Result<_, _>>()?;
        Ok(RecordPage {
            records,
            has_more: rows.len() > wanted,
        })
    }
}

#[cfg(test)]
mod tests;
