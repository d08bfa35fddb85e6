//! Staged uploads: files on this host that nothing refers to until they are published. Each one is
//! private to this process's user, limited in size, and deleted if it is not continued in time.

use crate::StoreError;
use bytes::Bytes;
use sha2::{Digest, Sha256};
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
/// Maximum number of open uploads of one owner, so that no publisher blocks all others.
const UPLOADS_OF_OWNER: usize = 16;
/// Hexadecimal digits of an owner in the name of a file.
const OWNER_DIGITS: usize = 32;
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
    #[error("too many open uploads; the limit is {UPLOADS}, and {UPLOADS_OF_OWNER} of one owner")]
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
    /// End of the names of the owner's files: an upload of another owner is not found.
    owner: Arc<str>,
    /// Names of the files that requests have locked.
    busy: Arc<Mutex<HashSet<String>>>,
    /// Held while uploads are counted and one is created.
    creating: Arc<tokio::sync::Mutex<()>>,
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
            owner: "".into(),
            busy: Arc::default(),
            creating: Arc::default(),
        })
    }

    /// Returns a handle of the same directory for the uploads of one owner.
    #[must_use]
    pub fn as_owner(&self, owner: &str) -> Self {
        let digits = hex::encode(Sha256::digest(owner.as_bytes()));
        let digits = digits.get(..OWNER_DIGITS).unwrap_or(&digits);
        Self {
            owner: format!(".{digits}").into(),
            ..self.clone()
        }
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
        let name = self.file_name(id)?;
        if !self.busy().insert(name.clone()) {
            return Err(StagingError::Busy);
        }
        let mut upload = StagedUpload {
            path: self.directory.join(&name),
            name,
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
        let name = format!("{ONCE}{}{}", crate::database::new_id(), self.owner);
        let path = self.directory.join(&name);
        self.create(&path).await?;
        self.busy().insert(name.clone());
        Ok(StagedUpload {
            name,
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
        let _creating = self.creating.lock().await;
        let (mut open, mut of_owner) = (0, 0);
        let mut entries = tokio::fs::read_dir(&self.directory).await?;
        while let Some(entry) = entries.next_entry().await? {
            open += 1;
            of_owner += usize::from(entry.file_name().to_string_lossy().ends_with(&*self.owner));
        }
        if open >= UPLOADS || of_owner >= UPLOADS_OF_OWNER {
            return Err(StagingError::TooMany);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(path).await?.sync_all().await?;
        Ok(())
    }

    fn path(&self, id: &str) -> Result<PathBuf, StagingError> {
        Ok(self.directory.join(self.file_name(id)?))
    }

    /// Returns the name of an upload's file. An id in any other form than [`Staging::begin`]
    /// generates is rejected, so that it can name no other file.
    fn file_name(&self, id: &str) -> Result<String, StagingError> {
        let parsed = uuid::Uuid::try_parse(id).map_err(|_| StagingError::Unknown)?;
        // Only the canonical form, because an upload with two names could be locked twice.
        if parsed.hyphenated().to_string() != id {
            return Err(StagingError::Unknown);
        }
        Ok(format!("{id}{}", self.owner))
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload that one request has locked.
#[derive(Debug)]
pub struct StagedUpload {
    name: String,
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
        self.staging.busy().remove(&self.name);
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
