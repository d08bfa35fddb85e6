//! The key/value records of installs.
//!
//! A write first touches the namespace's row of usage: that row is the lock under which records and counters change together, on SQLite
//! (one writer) as on Postgres (row lock).

use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, TenantId};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// Expiry of a record that stays.
const NEVER_MS: i64 = i64::MAX;

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

/// A record's place: tenant, install, namespace.
struct Place<'a> {
    tenant: &'a str,
    install: &'a str,
    namespace: &'a str,
}

/// What is in a record's slot now.
#[derive(Default)]
struct Slot {
    /// 0: never written.
    last_revision: i64,
    is_live: bool,
    /// Counted in the namespace's usage: an expired record is, until it is overwritten or swept.
    is_counted: bool,
    size_bytes: i64,
}

impl Slot {
    fn visible_revision(&self) -> u64 {
        if self.is_live {
            u64::try_from(self.last_revision).unwrap_or_default()
        } else {
            0
        }
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
        row.as_ref().map(read).transpose()
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
        let place = Place {
            tenant: tenant.as_str(),
            install: install.as_str(),
            namespace,
        };
        let mut transaction = self.database.begin_as(tenant).await?;
        self.lock_namespace(&mut transaction, &place).await?;
        let slot = slot(&mut transaction, &place, &write.key).await?;
        expect(write.if_revision, &slot)?;
        let size = i64::try_from(write.key.len() + write.value.len() + write.metadata.len()).unwrap_or(i64::MAX);
        self.count(
            &mut transaction,
            &place,
            i64::from(!slot.is_counted),
            size - slot.size_bytes,
        )
        .await?;
        let revision = slot.last_revision + 1;
        upsert(&mut transaction, &place, write, revision).await?;
        transaction.commit().await?;
        Ok(u64::try_from(revision).unwrap_or_default())
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
        let place = Place {
            tenant: tenant.as_str(),
            install: install.as_str(),
            namespace,
        };
        let mut transaction = self.database.begin_as(tenant).await?;
        self.lock_namespace(&mut transaction, &place).await?;
        let slot = slot(&mut transaction, &place, key).await?;
        expect(if_revision, &slot)?;
        if slot.is_counted {
            self.count(&mut transaction, &place, -1, -slot.size_bytes).await?;
            sqlx::query(
                "UPDATE ext_storage_records SET value = $1, metadata = $1, is_deleted = 1 \
                 WHERE tenant_id = $2 AND install_id = $3 AND namespace = $4 AND record_key = $5",
            )
            .bind(&b""[..])
            .bind(place.tenant)
            .bind(place.install)
            .bind(place.namespace)
            .bind(key.as_bytes())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(slot.is_live)
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
        .bind(after_all_with(prefix))
        .bind(now_ms())
        .bind(i64::from(limit) + 1)
        .fetch_all(reader.connection())
        .await?;
        let wanted = limit as usize;
        let records = rows.iter().take(wanted).map(read).collect::<Result<_, _>>()?;
        Ok(RecordPage {
            records,
            has_more: rows.len() > wanted,
        })
    }

    async fn lock_namespace(
        &self,
        transaction: &mut Transaction<'_, Any>,
        place: &Place<'_>,
    ) -> Result<(), RecordError> {
        let created = sqlx::query(
            "INSERT INTO ext_storage_usage (tenant_id, install_id, namespace, key_count, size_bytes) VALUES ($1, $2, $3, 0, 0) \
             ON CONFLICT (tenant_id, install_id, namespace) DO UPDATE SET key_count = ext_storage_usage.key_count \
             RETURNING key_count",
        )
        .bind(place.tenant)
        .bind(place.install)
        .bind(place.namespace)
        .fetch_one(&mut **transaction)
        .await?;
        let keys: i64 = created.try_get("key_count")?;
        if keys > 0 {
            return Ok(());
        }
        // A namespace without keys may be new: only then are namespaces counted.
        let row = sqlx::query(
            "SELECT COUNT(*) AS namespaces FROM ext_storage_usage \
             WHERE tenant_id = $1 AND install_id = $2 AND namespace <> $3 AND key_count > 0",
        )
        .bind(place.tenant)
        .bind(place.install)
        .bind(place.namespace)
        .fetch_one(&mut **transaction)
        .await?;
        let others: i64 = row.try_get("namespaces")?;
        if u64::try_from(others).unwrap_or_default() >= self.limits.namespaces {
            return Err(RecordError::Full("the install has as many namespaces as it may have"));
        }
        Ok(())
    }

    async fn count(
        &self,
        transaction: &mut Transaction<'_, Any>,
        place: &Place<'_>,
        keys: i64,
        bytes: i64,
    ) -> Result<(), RecordError> {
        let row = sqlx::query(
            "UPDATE ext_storage_usage SET key_count = key_count + $1, size_bytes = size_bytes + $2 \
             WHERE tenant_id = $3 AND install_id = $4 AND namespace = $5 RETURNING key_count, size_bytes",
        )
        .bind(keys)
        .bind(bytes)
        .bind(place.tenant)
        .bind(place.install)
        .bind(place.namespace)
        .fetch_one(&mut **transaction)
        .await?;
        let (key_count, size_bytes): (i64, i64) = (row.try_get("key_count")?, row.try_get("size_bytes")?);
        if keys > 0 && u64::try_from(key_count).unwrap_or_default() > self.limits.keys {
            return Err(RecordError::Full("the namespace has as many keys as it may have"));
        }
        if bytes > 0 && u64::try_from(size_bytes).unwrap_or_default() > self.limits.namespace_bytes {
            return Err(RecordError::Full("the namespace has as many bytes as it may have"));
        }
        Ok(())
    }
}

async fn slot(transaction: &mut Transaction<'_, Any>, place: &Place<'_>, key: &str) -> Result<Slot, RecordError> {
    let row = sqlx::query(
        "SELECT revision, expires_at_ms, is_deleted, LENGTH(record_key) + LENGTH(value) + LENGTH(metadata) AS size_bytes \
         FROM ext_storage_records WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 AND record_key = $4",
    )
    .bind(place.tenant)
    .bind(place.install)
    .bind(place.namespace)
    .bind(key.as_bytes())
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = row else { return Ok(Slot::default()) };
    let is_deleted: i64 = row.try_get("is_deleted")?;
    let expires_at_ms: i64 = row.try_get("expires_at_ms")?;
    let is_counted = is_deleted == 0;
    Ok(Slot {
        last_revision: row.try_get("revision")?,
        is_live: is_counted && expires_at_ms > now_ms(),
        is_counted,
        size_bytes: if is_counted { row.try_get("size_bytes")? } else { 0 },
    })
}

fn expect(if_revision: Option<u64>, slot: &Slot) -> Result<(), RecordError> {
    let current = slot.visible_revision();
    match if_revision {
        Some(expected) if expected != current => Err(RecordError::Conflict(current)),
        _ => Ok(()),
    }
}

async fn upsert(
    transaction: &mut Transaction<'_, Any>,
    place: &Place<'_>,
    write: &RecordWrite,
    revision: i64,
) -> Result<(), RecordError> {
    let expires = write
        .ttl_seconds
        .map_or(NEVER_MS, |seconds| now_ms().saturating_add(i64::from(seconds) * 1000));
    sqlx::query(
        "INSERT INTO ext_storage_records \
         (tenant_id, install_id, namespace, record_key, value, metadata, revision, expires_at_ms, is_deleted) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) \
         ON CONFLICT (tenant_id, install_id, namespace, record_key) DO UPDATE SET value = excluded.value, metadata = excluded.metadata, \
         revision = excluded.revision, expires_at_ms = excluded.expires_at_ms, is_deleted = 0",
    )
    .bind(place.tenant)
    .bind(place.install)
    .bind(place.namespace)
    .bind(write.key.as_bytes())
    .bind(write.value.as_slice())
    .bind(write.metadata.as_slice())
    .bind(revision)
    .bind(expires)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The first bytes that sort after every key with this prefix. UTF-8 never has a byte 0xff, so the prefix with one is after all of them.
fn after_all_with(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    bytes.push(0xff);
    bytes
}

fn read(row: &AnyRow) -> Result<StoredRecord, RecordError> {
    let key: Vec<u8> = row.try_get("record_key")?;
    let revision: i64 = row.try_get("revision")?;
    let expires_at_ms: i64 = row.try_get("expires_at_ms")?;
    let left_seconds = (expires_at_ms.saturating_sub(now_ms()) / 1000).max(0);
    Ok(StoredRecord {
        key: String::from_utf8(key).map_err(StoreError::row)?,
        value: row.try_get("value")?,
        metadata: row.try_get("metadata")?,
        revision: u64::try_from(revision).map_err(StoreError::row)?,
        expires_in_seconds: (expires_at_ms != NEVER_MS).then(|| u32::try_from(left_seconds).unwrap_or(u32::MAX)),
    })
}

#[cfg(test)]
mod tests;
