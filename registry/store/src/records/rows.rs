//! SQL statements of a write, executed under the lock of its namespace.

use super::storage_quota;
use super::{RecordError, RecordLimits, RecordWrite, StoredRecord};
use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, TenantId};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Expiry time of a record without a time to live.
pub(super) const NEVER_MS: i64 = i64::MAX;
/// Reserved namespace that no guest can name. Its row stores the highest revision floor of all
/// deleted namespaces.
const PURGED_NAMESPACES: &str = "";
/// Lifetime of a tombstone, the row that preserves a deleted record's revision, in milliseconds.
const TOMBSTONE_MS: i64 = 24 * 60 * 60 * 1000;

/// Tenant, install and namespace of a record.
#[derive(Clone, Copy)]
pub(super) struct RecordKey<'a> {
    pub(super) tenant: &'a str,
    pub(super) install: &'a str,
    pub(super) namespace: &'a str,
}

impl<'a> RecordKey<'a> {
    pub(super) fn new(tenant: &'a TenantId, install: &'a InstallId, namespace: &'a str) -> Self {
        Self {
            tenant: tenant.as_str(),
            install: install.as_str(),
            namespace,
        }
    }
}

/// Current state of a record's row; the default stands for a missing row.
#[derive(Default)]
struct RecordRow {
    /// Revision of the last write; 0 if there is no row.
    last_revision: i64,
    is_live: bool,
    /// True if the row exists and so counts toward the limits.
    is_counted: bool,
    size_bytes: i64,
}

impl RecordRow {
    fn visible_revision(&self) -> u64 {
        if self.is_live {
            u64::try_from(self.last_revision).unwrap_or_default()
        } else {
            0
        }
    }
}

/// A write transaction on a namespace: its usage row is locked, and the changes of its counters are
/// accumulated until the commit.
pub(super) struct NamespaceTransaction<'a> {
    pub(super) transaction: Transaction,
    pub(super) scope: RecordKey<'a>,
    pub(super) keys: i64,
    pub(super) bytes: i64,
    /// Highest revision of all purged rows; a new key starts above it.
    pub(super) revision_floor: i64,
    /// Lower bound of the time at which the next row of the namespace expires.
    pub(super) next_expiry_ms: i64,
    before: (i64, i64, i64, i64),
}

impl<'a> NamespaceTransaction<'a> {
    /// Locks the namespace, creating it if it is new and the install's limit permits it.
    pub(super) async fn open_or_create(
        database: &Database,
        mut transaction: Transaction,
        scope: RecordKey<'a>,
        limits: &RecordLimits,
    ) -> Result<Self, RecordError> {
        let row = sqlx::query(
            "INSERT INTO ext_storage_usage (tenant_id, install_id, namespace, key_count, size_bytes, next_expiry_ms) VALUES ($1, $2, $3, 0, 0, $4) \
             ON CONFLICT (tenant_id, install_id, namespace) DO UPDATE SET key_count = ext_storage_usage.key_count \
             RETURNING key_count, size_bytes, revision_floor, next_expiry_ms",
        )
        .bind(scope.tenant)
        .bind(scope.install)
        .bind(scope.namespace)
        .bind(NEVER_MS)
        .fetch_one(&mut *transaction)
        .await?;
        let mut writing = Self::locked(transaction, scope, &row)?;
        // A namespace without keys is new. Only then are the install's namespaces counted, by one
        // writer of the install at a time.
        if writing.keys == 0 {
            database.wait_for_turn(&mut writing.transaction, scope.install).await?;
            writing.check_namespaces(limits).await?;
        }
        writing.sweep_if_due().await?;
        Ok(writing)
    }

    /// Locks the namespace if it exists.
    pub(super) async fn open_existing(
        mut transaction: Transaction,
        scope: RecordKey<'a>,
    ) -> Result<Option<Self>, RecordError> {
        let row = sqlx::query(
            "UPDATE ext_storage_usage SET key_count = key_count WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 \
             RETURNING key_count, size_bytes, revision_floor, next_expiry_ms",
        )
        .bind(scope.tenant)
        .bind(scope.install)
        .bind(scope.namespace)
        .fetch_optional(&mut *transaction)
        .await?;
        row.map(|row| Self::locked(transaction, scope, &row)).transpose()
    }

    fn locked(transaction: Transaction, scope: RecordKey<'a>, row: &AnyRow) -> Result<Self, RecordError> {
        let (keys, bytes): (i64, i64) = (row.try_get("key_count")?, row.try_get("size_bytes")?);
        let (revision_floor, next_expiry_ms): (i64, i64) =
            (row.try_get("revision_floor")?, row.try_get("next_expiry_ms")?);
        Ok(Self {
            transaction,
            scope,
            keys,
            bytes,
            revision_floor,
            next_expiry_ms,
            before: (keys, bytes, revision_floor, next_expiry_ms),
        })
    }

    async fn check_namespaces(&mut self, limits: &RecordLimits) -> Result<(), RecordError> {
        let row = sqlx::query(
            "SELECT COALESCE(SUM(CASE WHEN key_count > 0 AND namespace <> $3 THEN 1 ELSE 0 END), 0) AS namespaces, \
             COALESCE(MAX(CASE WHEN namespace = $4 THEN revision_floor ELSE 0 END), 0) AS purged_floor \
             FROM ext_storage_usage WHERE tenant_id = $1 AND install_id = $2",
        )
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .bind(PURGED_NAMESPACES)
        .fetch_one(&mut *self.transaction)
        .await?;
        let others: i64 = row.try_get("namespaces")?;
        self.revision_floor = self.revision_floor.max(row.try_get("purged_floor")?);
        if u64::try_from(others).unwrap_or_default() >= limits.namespaces {
            return Err(RecordError::Full("the namespace limit of this install is reached"));
        }
        Ok(())
    }

    /// Writes a record and returns its revision.
    pub(super) async fn put(&mut self, write: &RecordWrite) -> Result<u64, RecordError> {
        let slot = self.slot(&write.key).await?;
        expect(write.if_revision, &slot)?;
        let size = i64::try_from(write.key.len() + write.value.len() + write.metadata.len()).unwrap_or(i64::MAX);
        self.keys += i64::from(!slot.is_counted);
        self.bytes += size - slot.size_bytes;
        let last = if slot.is_counted {
            slot.last_revision
        } else {
            self.revision_floor
        };
        let revision = last + 1;
        let expires = write
            .ttl_seconds
            .map_or(NEVER_MS, |seconds| now_ms().saturating_add(i64::from(seconds) * 1000));
        self.upsert(write, revision, expires).await?;
        self.next_expiry_ms = self.next_expiry_ms.min(expires);
        Ok(u64::try_from(revision).unwrap_or_default())
    }

    /// Deletes a record and returns whether it existed.
    pub(super) async fn delete(&mut self, key: &str, if_revision: Option<u64>) -> Result<bool, RecordError> {
        let slot = self.slot(key).await?;
        expect(if_revision, &slot)?;
        if !slot.is_live {
            return Ok(false);
        }
        let purged_at = now_ms().saturating_add(TOMBSTONE_MS);
        sqlx::query(
            "UPDATE ext_storage_records SET value = $1, metadata = $1, is_deleted = 1, expires_at_ms = $2 \
             WHERE tenant_id = $3 AND install_id = $4 AND namespace = $5 AND record_key = $6",
        )
        .bind(&b""[..])
        .bind(purged_at)
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .bind(key.as_bytes())
        .execute(&mut *self.transaction)
        .await?;
        self.bytes -= slot.size_bytes - i64::try_from(key.len()).unwrap_or_default();
        self.next_expiry_ms = self.next_expiry_ms.min(purged_at);
        Ok(true)
    }

    /// Enforces the limits, stores the changed counters and commits the transaction.
    pub(super) async fn commit(mut self, database: &Database, limits: &RecordLimits) -> Result<(), RecordError> {
        let (keys, bytes, ..) = self.before;
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        if number(self.keys) > limits.keys || number(self.bytes) > limits.namespace_bytes {
            self.purge_deleted().await?;
        }
        if self.keys > keys && number(self.keys) > limits.keys {
            return Err(RecordError::Full("the key limit of this namespace is reached"));
        }
        if self.bytes > bytes && number(self.bytes) > limits.namespace_bytes {
            return Err(RecordError::Full("the size limit of this namespace is reached"));
        }
        if self.keys == 0 {
            self.purge_namespace().await?;
        } else if self.before != (self.keys, self.bytes, self.revision_floor, self.next_expiry_ms) {
            self.write_usage().await?;
        }
        if self.bytes > bytes {
            let more = self.bytes - bytes;
            let (tenant, install) = (self.scope.tenant, self.scope.install);
            storage_quota::check(database, &mut self.transaction, (tenant, install), more).await?;
        }
        Ok(self.transaction.commit().await?)
    }

    /// Deletes the row of a namespace without keys, and preserves its revision floor in the
    /// reserved row, so that revisions are not reused. Otherwise every new name would leave a row.
    async fn purge_namespace(&mut self) -> Result<(), RecordError> {
        sqlx::query("DELETE FROM ext_storage_usage WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3")
            .bind(self.scope.tenant)
            .bind(self.scope.install)
            .bind(self.scope.namespace)
            .execute(&mut *self.transaction)
            .await?;
        sqlx::query(
            "INSERT INTO ext_storage_usage (tenant_id, install_id, namespace, key_count, size_bytes, revision_floor, next_expiry_ms) \
             VALUES ($1, $2, $3, 0, 0, $4, $5) ON CONFLICT (tenant_id, install_id, namespace) DO UPDATE SET \
             revision_floor = CASE WHEN excluded.revision_floor > ext_storage_usage.revision_floor THEN excluded.revision_floor \
             ELSE ext_storage_usage.revision_floor END",
        )
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(PURGED_NAMESPACES)
        .bind(self.revision_floor)
        .bind(NEVER_MS)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_usage(&mut self) -> Result<(), RecordError> {
        sqlx::query(
            "UPDATE ext_storage_usage SET key_count = $1, size_bytes = $2, revision_floor = $3, next_expiry_ms = $4 \
             WHERE tenant_id = $5 AND install_id = $6 AND namespace = $7",
        )
        .bind(self.keys)
        .bind(self.bytes)
        .bind(self.revision_floor)
        .bind(self.next_expiry_ms)
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn slot(&mut self, key: &str) -> Result<RecordRow, RecordError> {
        let row = sqlx::query(
            "SELECT revision, expires_at_ms, is_deleted, LENGTH(record_key) + LENGTH(value) + LENGTH(metadata) AS size_bytes \
             FROM ext_storage_records WHERE tenant_id = $1 AND install_id = $2 AND namespace = $3 AND record_key = $4",
        )
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .bind(key.as_bytes())
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(row) = row else {
            return Ok(RecordRow::default());
        };
        let is_deleted: i64 = row.try_get("is_deleted")?;
        let expires_at_ms: i64 = row.try_get("expires_at_ms")?;
        Ok(RecordRow {
            last_revision: row.try_get("revision")?,
            is_live: is_deleted == 0 && expires_at_ms > now_ms(),
            is_counted: true,
            size_bytes: row.try_get("size_bytes")?,
        })
    }

    async fn upsert(&mut self, write: &RecordWrite, revision: i64, expires_at_ms: i64) -> Result<(), RecordError> {
        sqlx::query(
            "INSERT INTO ext_storage_records \
             (tenant_id, install_id, namespace, record_key, value, metadata, revision, expires_at_ms, is_deleted) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) \
             ON CONFLICT (tenant_id, install_id, namespace, record_key) DO UPDATE SET value = excluded.value, metadata = excluded.metadata, \
             revision = excluded.revision, expires_at_ms = excluded.expires_at_ms, is_deleted = 0",
        )
        .bind(self.scope.tenant)
        .bind(self.scope.install)
        .bind(self.scope.namespace)
        .bind(write.key.as_bytes())
        .bind(write.value.as_slice())
        .bind(write.metadata.as_slice())
        .bind(revision)
        .bind(expires_at_ms)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

fn expect(if_revision: Option<u64>, slot: &RecordRow) -> Result<(), RecordError> {
    let current = slot.visible_revision();
    match if_revision {
        Some(expected) if expected != current => Err(RecordError::Conflict(current)),
        _ => Ok(()),
    }
}

/// Returns bytes that sort after every key with this prefix: the prefix followed by 0xff, a byte
/// that never occurs in UTF-8.
pub(super) fn after_all_with(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    bytes.push(0xff);
    bytes
}

pub(super) fn read(row: &AnyRow) -> Result<StoredRecord, RecordError> {
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
