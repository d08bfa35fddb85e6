//! Staged uploads: files on this host that nothing refers to until they are published. Each one is
//! private to this process's user, limited in size, and deleted if it is not continued in time.

use crate::StoreError;
use bytes::Bytes;
use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// Maximum number of open uploads. Multiplied by the size limit of a bundle, it gives the required
/// disk space.
const UPLOADS: usize = 64;
/// Time after which an upload that is not continued is deleted: enough for an interruption of
/// hours, not of days.
pub const UPLOAD_LIFE: Duration = Duration::from_hours(24);

/// File name prefix of uploads that last for one request; no upload id starts with it.
const ONCE: &str = "once-";

/// Reasons an upload operation fails.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The upload was never begun, was published, or was deleted.
    #[error("there is no such upload")]
    Unknown,
    /// Another request is using the upload.
    #[error("another request is using this upload")]
    Busy,
    /// The given offset is not the upload's current size.
    #[error("the upload has {0} bytes; continue at this offset")]
    Offset(u64),
    /// The upload exceeds the size limit of a bundle.
    #[error("a bundle has at most {} bytes", alga_bundle::limits::BUNDLE_BYTES)]
    TooLarge,
    /// Too many uploads are open.
    #[error("too many open uploads; the limit is {UPLOADS}")]
    TooMany,
    /// The client's request body was interrupted or timed out.
    #[error("the request body was interrupted")]
    Interrupted,
    /// A file operation failed.
    #[error("cannot stage the upload")]
    Disk(#[from] std::io::Error),
}

/// Directory of staged uploads.
#[derive(Debug, Clone)]
pub struct Staging {
    directory: PathBuf,
    busy: Arc<Mutex<HashSet<String>>>,
}

impl Staging {
    /// Opens the directory, creating it if it does not exist.
    ///
    /// # Errors
    /// Returns [`StoreError::File`] if it cannot be created, read or cleaned up.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(StoreError::File)?;
        // Deletes what requests of a killed process left: these uploads have no id by which a
        // client could continue them.
        for entry in std::fs::read_dir(directory).map_err(StoreError::File)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(ONCE) {
                std::fs::remove_file(entry.path()).map_err(StoreError::File)?;
            }
        }
        Ok(Self {
            directory: directory.to_path_buf(),
            busy: Arc::default(),
        })
    }

    /// Begins an upload and returns the id by which it is continued.
    ///
    /// # Errors
    /// Returns [`StagingError::TooMany`] if too many uploads are open, or [`StagingError::Disk`] if
    /// the file cannot be created.
    pub async fn begin(&self) -> Result<String, StagingError> {
        let id = crate::database::new_id();
        self.create(&self.path(&id)?).await?;
        Ok(id)
    }

    /// Returns the size of an upload in bytes.
    ///
    /// # Errors
    /// Returns [`StagingError::Unknown`] if there is no such upload.
    pub async fn size(&self, id: &str) -> Result<u64, StagingError> {
        match tokio::fs::metadata(self.path(id)?).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StagingError::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Locks an upload for exclusive use by this request.
    ///
    /// # Errors
    /// Returns [`StagingError::Unknown`] if there is no such upload, or [`StagingError::Busy`] if
    /// another request has locked it.
    pub async fn lock(&self, id: &str) -> Result<StagedUpload, StagingError> {
        let path = self.path(id)?;
        if !self.busy().insert(id.to_owned()) {
            return Err(StagingError::Busy);
        }
        let mut upload = StagedUpload {
            id: id.to_owned(),
            path,
            size: 0,
            staging: self.clone(),
            ends: false,
        };
        upload.size = self.size(id).await?;
        Ok(upload)
    }

    /// Creates a locked upload that is deleted when the request ends, in every case. Files that a
    /// killed process leaves are deleted at the next start.
    ///
    /// # Errors
    /// Returns the same errors as [`Staging::begin`].
    pub async fn create_ephemeral(&self) -> Result<StagedUpload, StagingError> {
        let id = format!("{ONCE}{}", crate::database::new_id());
        let path = self.directory.join(&id);
        self.create(&path).await?;
        self.busy().insert(id.clone());
        Ok(StagedUpload {
            id,
            path,
            size: 0,
            staging: self.clone(),
            ends: true,
        })
    }

    /// Deletes uploads that were not continued for `life`, and returns their number.
    ///
    /// # Errors
    /// Returns [`StagingError::Disk`] if the directory cannot be read.
    pub fn sweep(&self, life: Duration) -> Result<usize, StagingError> {
        let mut swept = 0;
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            // The upload was published or ended in the meantime.
            let Ok(touched) = entry.metadata().and_then(|metadata| metadata.modified()) else {
                continue;
            };
            let is_old = SystemTime::now().duration_since(touched).is_ok_and(|age| age >= life);
            let is_busy = self.busy().contains(&*entry.file_name().to_string_lossy());
            if is_old && !is_busy {
                swept += usize::from(std::fs::remove_file(entry.path()).is_ok());
            }
        }
        Ok(swept)
    }

    async fn create(&self, path: &Path) -> Result<(), StagingError> {
        let mut open = 0;
        let mut entries = tokio::fs::read_dir(&self.directory).await?;
        while entries.next_entry().await?.is_some() {
            open += 1;
        }
        if open >= UPLOADS {
            return Err(StagingError::TooMany);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(path).await?.sync_all().await?;
        Ok(())
    }

    /// Returns the path of an upload. An id in any other form than [`Staging::begin`] generates is
    /// rejected, so that it can name no other file.
    fn path(&self, id: &str) -> Result<PathBuf, StagingError> {
        let parsed = uuid::Uuid::try_parse(id).map_err(|_| StagingError::Unknown)?;
        // Only the canonical form, because an upload with two names could be locked twice.
        if parsed.hyphenated().to_string() != id {
            return Err(StagingError::Unknown);
        }
        Ok(self.directory.join(id))
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload that one request has locked.
#[derive(Debug)]
pub struct StagedUpload {
    id: String,
    path: PathBuf,
    size: u64,
    staging: Staging,
    /// True if dropping this deletes the file.
    ends: bool,
}

impl StagedUpload {
    /// Returns the path of the upload's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the upload's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens the upload for bytes that continue at `offset`.
    ///
    /// # Errors
    /// Returns [`StagingError::Offset`] if the upload has another size, or [`StagingError::Disk`]
    /// if the file cannot be opened.
    pub async fn append(&mut self, offset: u64) -> Result<UploadWriter<'_>, StagingError> {
        if offset != self.size {
            return Err(StagingError::Offset(self.size));
        }
        let file = OpenOptions::new().append(true).open(&self.path).await?;
        Ok(UploadWriter { upload: self, file })
    }

    /// Marks the upload for deletion when this is dropped.
    pub fn end(&mut self) {
        self.ends = true;
    }
}

impl Drop for StagedUpload {
    fn drop(&mut self) {
        if self.ends {
            // If this fails, a later sweep deletes the file.
            std::fs::remove_file(&self.path).ok();
        }
        self.staging.busy().remove(&self.id);
    }
}

/// Writer that appends bytes to an upload.
pub struct UploadWriter<'a> {
    upload: &'a mut StagedUpload,
    file: File,
}

impl UploadWriter<'_> {
    /// Appends bytes to the upload.
    ///
    /// # Errors
    /// Returns [`StagingError::TooLarge`] if the upload would exceed the size limit of a bundle, or
    /// [`StagingError::Disk`] if the bytes cannot be written.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), StagingError> {
        let size = self.upload.size + bytes.len() as u64;
        if size > alga_bundle::limits::BUNDLE_BYTES as u64 {
            return Err(StagingError::TooLarge);
        }
        self.file.write_all(bytes).await?;
        self.upload.size = size;
        Ok(())
    }

    /// Syncs the received bytes to disk and returns the upload's size. Bytes that were not synced
    /// may be lost in a power failure; the upload's offset then shows the loss.
    ///
    /// # Errors
    /// Returns [`StagingError::Disk`] if the file cannot be synced.
    pub async fn finish(mut self) -> Result<u64, StagingError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(self.upload.size)
    }
}
