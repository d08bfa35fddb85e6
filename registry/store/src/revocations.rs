//! Revocation lists: in the database for all, and a copy on this host's disk. The copy notices when the database was put back to an older backup.

use crate::audit::{Change, append};
use crate::database::now_ms;
use crate::{Database, StoreError};
use serde_json::json;
use sqlx::Row;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A signed list as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRevocations {
    /// Its epoch.
    pub epoch: u64,
    /// The signed list (DSSE).
    pub envelope: String,
}

impl Database {
    /// Keeps a list that is newer than all before.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when another one of this epoch or a later one is there.
    pub async fn add_revocations(&self, list: &StoredRevocations) -> Result<(), StoreError> {
        let epoch = i64::try_from(list.epoch).map_err(StoreError::row)?;
        let mut transaction = self.pool.begin().await?;
        // Taking the head of the audit log gives lists one order, as it does for everything else.
        let details = json!({ "epoch": list.epoch });
        let change = Change {
            action: "revocations.take",
            tenant: "",
            subject: "revocations",
            details,
        };
        append(&mut transaction, change).await?;
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

    /// The newest list; none before the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest_revocations(&self) -> Result<Option<StoredRevocations>, StoreError> {
        let row = sqlx::query("SELECT epoch, envelope FROM extension_revocation ORDER BY epoch DESC LIMIT 1")
            .fetch_optional(&self.pool)
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

/// The copy on disk.
#[derive(Debug, Clone)]
pub struct RevocationFile {
    path: PathBuf,
    /// The epoch that was written last. Lists that come at the same time are written one after the other, and never an older one over a newer.
    newest: Arc<Mutex<u64>>,
}

impl RevocationFile {
    /// The copy in a host's data folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("revocations.json"),
            newest: Arc::default(),
        }
    }

    /// The signed list; none before the first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> Result<Option<String>, StoreError> {
        match std::fs::read_to_string(&self.path) {
            Ok(envelope) => Ok(Some(envelope)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::row(error)),
        }
    }

    /// Replaces the copy. It is on the disk, or the old one is, whatever happens meanwhile.
    ///
    /// # Errors
    /// When it cannot be written.
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
                .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        write().map_err(StoreError::row)?;
        *newest = list.epoch;
        Ok(())
    }
}
