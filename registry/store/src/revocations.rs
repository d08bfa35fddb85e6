//! Revocation lists, stored in the database for all hosts and copied to this host's disk. The copy
//! reveals that the database was restored from an older backup.

use crate::audit::Change;
use crate::database::now_ms;
use crate::{Database, StoreError};
use serde_json::json;
use sqlx::Row;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A signed revocation list as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRevocations {
    /// Epoch of the list.
    pub epoch: u64,
    /// Signed list as a DSSE envelope.
    pub envelope: String,
}

impl Database {
    /// Stores a list that is newer than all stored ones.
    ///
    /// # Errors
    /// Returns [`StoreError::Changed`] if a list with this or a later epoch is already stored.
    pub async fn add_revocations(&self, list: &StoredRevocations) -> Result<(), StoreError> {
        let epoch = i64::try_from(list.epoch).map_err(StoreError::row)?;
        let mut transaction = self.begin().await?;
        // Appending to the audit log first locks its head, so that concurrent lists are stored one
        // after the other, as all other changes are.
        let details = json!({ "epoch": list.epoch });
        let change = Change {
            action: "revocations.take",
            tenant: "",
            subject: "revocations",
            details,
        };
        self.append_audit(&mut transaction, change).await?;
        let result = sqlx::query(
            "INSERT INTO extension_revocation (epoch, envelope, taken_at_ms) \
             SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM extension_revocation WHERE epoch >= $1)",
        )
        .bind(epoch)
        .bind(list.envelope.as_str())
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() != 1 {
            return Err(StoreError::Changed);
        }
        Ok(transaction.commit().await?)
    }

    /// Returns the newest list, or `None` before the first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn newest_revocations(&self) -> Result<Option<StoredRevocations>, StoreError> {
        let row = sqlx::query("SELECT epoch, envelope FROM extension_revocation ORDER BY epoch DESC LIMIT 1")
            .fetch_optional(&mut *self.connection().await?)
            .await?;
        row.map(|row| {
            let epoch: i64 = row.try_get("epoch")?;
            Ok(StoredRevocations {
                epoch: u64::try_from(epoch).map_err(StoreError::row)?,
                envelope: row.try_get("envelope")?,
            })
        })
        .transpose()
    }
}

/// This host's copy of the newest list on disk.
#[derive(Debug, Clone)]
pub struct RevocationFile {
    path: PathBuf,
    /// Epoch that was written last. The lock serializes concurrent writes, and an older list never
    /// overwrites a newer one.
    newest: Arc<Mutex<u64>>,
}

impl RevocationFile {
    /// Refers to the copy in a host's data directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join("revocations.json"),
            newest: Arc::default(),
        }
    }

    /// Reads the signed list, or `None` before the first.
    ///
    /// # Errors
    /// Returns [`StoreError::File`] if the file cannot be read.
    pub fn read(&self) -> Result<Option<String>, StoreError> {
        match std::fs::read_to_string(&self.path) {
            Ok(envelope) => Ok(Some(envelope)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::File(error)),
        }
    }

    /// Replaces the copy atomically: after a crash, the disk has either the old list or the new
    /// one. A list that is not newer than the last one written is ignored.
    ///
    /// # Errors
    /// Returns [`StoreError::File`] if the file cannot be written.
    pub fn write(&self, list: &StoredRevocations) -> Result<(), StoreError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if list.epoch <= *newest {
            return Ok(());
        }
        let temporary = self.path.with_extension("new");
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&temporary)?;
            file.write_all(list.envelope.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.path)?;
            self.path
                .parent()
                .map_or(Ok(()), |directory| File::open(directory)?.sync_all())
        };
        write().map_err(StoreError::File)?;
        *newest = list.epoch;
        Ok(())
    }
}
