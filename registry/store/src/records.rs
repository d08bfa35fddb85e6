//! The key/value records of installs.
//!
//! A write first touches the namespace's row of usage: that row is the lock under which records and counters change together, on SQLite
//! (one writer) as on Postgres (row lock). Reads take no lock: a row is written whole.
//!
//! What expired, and what was deleted, stays as a row for a while and counts: a deleted one remembers its revision. When it goes, the
//! namespace remembers the highest revision that went, and new keys begin above it, so that no revision is ever used twice.

use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, TenantId};
use rows::{NamespaceTransaction, RecordKey};
use sqlx::Row;

mod rows;
mod sweep;

/// The records of installs, in this database.
#[derive(Clone)]
pub struct Records {
    database: Database,
    limits: RecordLimits,
}

/// What an install may have.
#[derive(Debug, Clone, Copy)]
pub struct RecordLimits {
    /// Namespaces of an install.
    pub namespaces: u64,
    /// Keys of a namespace.
    pub keys: u64,
    /// Bytes of a namespace: keys, values and metadata.
    pub namespace_bytes: u64,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct StoredRecord {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub revision: u64,
    pub expires_in_seconds: Option<u32>,
}

/// A write.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct RecordWrite {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub if_revision: Option<u64>,
    pub ttl_seconds: Option<u32>,
}

/// Part of a listing.
#[derive(Debug, Clone, Default)]
pub struct RecordPage {
    /// The records in the byte order of their keys.
    pub records: Vec<StoredRecord>,
    /// Whether there are more.
    pub has_more: bool,
}

/// What a namespace holds: what expired or was deleted counts until it is swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordUsage {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys, values and metadata.
    pub bytes: u64,
}

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record is at this revision; 0 when there is none.
    #[error("the record is at revision {0}")]
    Conflict(u64),
    /// This limit is reached.
    #[error("{0}")]
    Full(&'static str),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RecordError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Records {
    /// The records in this database, under these limits.
    #[must_use]
    pub fn new(database: Database, limits: RecordLimits) -> Self {
        Self { database, limits }
    }

    /// Reads a record that has not expired.
    ///
    /// # Errors
    /// When the database does not answer.
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

    /// Reads several records, in the order of the keys; each as [`get`](Self::get) does.
    ///
    /// # Errors
    /// When the database does not answer.
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

    /// Writes a record and answers its new revision.
    ///
    /// # Errors
    /// When the expected revision is not the current one, or the namespace is full.
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

    /// Writes several records of different keys, all or none, and answers their revisions.
    ///
    /// # Errors
    /// When an expected revision is not the current one, or the namespace is full.
    pub async fn put_many(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        writes: &[RecordWrite],
    ) -> Result<Vec<u64>, RecordError> {
        let place = RecordKey::new(tenant, install, namespace);
        let mut writing = NamespaceTransaction::begin(
            &self.database,
            self.database.begin_as(tenant).await?,
            place,
            &self.limits,
        )
        .await?;
        let mut revisions = Vec::with_capacity(writes.len());
        for write in writes {
            revisions.push(writing.put(write).await?);
        }
        writing.commit(&self.limits).await?;
        Ok(revisions)
    }

    /// Deletes a record, leaving a tombstone that remembers its revision.
    ///
    /// # Errors
    /// When the expected revision is not the current one.
    pub async fn delete(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        namespace: &str,
        key: &str,
        if_revision: Option<u64>,
    ) -> Result<bool, RecordError> {
        let place = RecordKey::new(tenant, install, namespace);
        let transaction = self.database.begin_as(tenant).await?;
        let Some(mut writing) = NamespaceTransaction::open_existing(transaction, place).await? else {
            // Nothing was ever written here, and a delete is no reason to begin.
            return match if_revision {
                Some(expected) if expected != 0 => Err(RecordError::Conflict(0)),
                _ => Ok(false),
            };
        };
        let was_there = writing.delete(key, if_revision).await?;
        writing.commit(&self.limits).await?;
        Ok(was_there)
    }

    /// What a namespace holds.
    ///
    /// # Errors
    /// When the database does not answer.
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

    /// Lists at most `limit` records whose keys start with `prefix` and come after `after`.
    ///
    /// # Errors
    /// When the database does not answer.
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
