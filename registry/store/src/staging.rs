//! Uploads on their way: files on this host that nothing refers to until they are published. Each is private to this process's user, bounded, and swept when nobody
//! continues it.

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

/// Uploads that are open at the same time: with the bundle's limit, what the disk must have room for.
const UPLOADS: usize = 64;
/// How long an upload that nobody continues is kept: a publisher's lunch, not a publisher's holiday.
pub const UPLOAD_LIFE: Duration = Duration::from_hours(24);

/// What the files of one-shot uploads begin with: no id does.
const ONCE: &str = "once-";

/// Why bytes are not taken.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// It was never begun, was published, or was swept.
    #[error("there is no such upload")]
    Unknown,
    /// Somebody sends to it at this moment.
    #[error("another request is sending to this upload")]
    Busy,
    /// The bytes do not continue what is there.
    #[error("the upload has {0} bytes; continue there")]
    Offset(u64),
    /// Larger than a bundle may be.
    #[error("a bundle has at most {} bytes", alga_bundle::limits::BUNDLE_BYTES)]
    TooLarge,
    /// Too many are open.
    #[error("{UPLOADS} uploads are open")]
    TooMany,
    /// The sender stopped.
    #[error("the sender broke off")]
    BrokenOff,
    /// The disk.
    #[error("staging an upload")]
    Disk(#[from] std::io::Error),
}

/// The folder of uploads.
#[derive(Debug, Clone)]
pub struct Staging {
    folder: PathBuf,
    busy: Arc<Mutex<HashSet<String>>>,
}

impl Staging {
    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(StoreError::row)?;
        // What requests of a killed process left: nobody can name it, so nobody will continue it.
        for entry in std::fs::read_dir(folder).map_err(StoreError::row)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(ONCE) {
                std::fs::remove_file(entry.path()).map_err(StoreError::row)?;
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            busy: Arc::default(),
        })
    }

    /// Begins an upload that is continued by its id.
    ///
    /// # Errors
    /// When too many are open, or the disk does not take it.
    pub async fn begin(&self) -> Result<String, StagingError> {
        let id = crate::database::new_id();
        self.create(&self.path(&id)?).await?;
        Ok(id)
    }

    /// Bytes that an upload has.
    ///
    /// # Errors
    /// When there is none.
    pub async fn size(&self, id: &str) -> Result<u64, StagingError> {
        match tokio::fs::metadata(self.path(id)?).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StagingError::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the upload for this request alone.
    ///
    /// # Errors
    /// When there is none, or another request has it.
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

    /// Takes a new upload that ends with this request, whatever happens. What a killed process leaves goes at the next start.
    ///
    /// # Errors
    /// As [`Staging::begin`].
    pub async fn create_ephemeral(&self) -> Result<StagedUpload, StagingError> {
        let id = format!("{ONCE}{}", crate::database::new_id());
        let path = self.folder.join(&id);
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

    /// Removes uploads that were not continued for a time; how many.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self, life: Duration) -> Result<usize, StagingError> {
        let mut swept = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Published or ended meanwhile.
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
        let mut entries = tokio::fs::read_dir(&self.folder).await?;
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

    /// Ids are made here; one that is not of that form names no file.
    fn path(&self, id: &str) -> Result<PathBuf, StagingError> {
        let parsed = uuid::Uuid::try_parse(id).map_err(|_| StagingError::Unknown)?;
        // One spelling: an upload under two names could be had by two requests.
        if parsed.hyphenated().to_string() != id {
            return Err(StagingError::Unknown);
        }
        Ok(self.folder.join(id))
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload that one request has.
#[derive(Debug)]
pub struct StagedUpload {
    id: String,
    path: PathBuf,
    size: u64,
    staging: Staging,
    /// Whether the file goes with this.
    ends: bool,
}

impl StagedUpload {
    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens it for bytes that continue at `offset`.
    ///
    /// # Errors
    /// When they do not.
    pub async fn append(&mut self, offset: u64) -> Result<UploadWriter<'_>, StagingError> {
        if offset != self.size {
            return Err(StagingError::Offset(self.size));
        }
        let file = OpenOptions::new().append(true).open(&self.path).await?;
        Ok(UploadWriter { upload: self, file })
    }

    /// Removes the file when this is dropped.
    pub fn end(&mut self) {
        self.ends = true;
    }
}

impl Drop for StagedUpload {
    fn drop(&mut self) {
        if self.ends {
            // What cannot be removed now is swept later.
            std::fs::remove_file(&self.path).ok();
        }
        self.staging.busy().remove(&self.id);
    }
}

/// Bytes on their way into an upload.
pub struct UploadWriter<'a> {
    upload: &'a mut StagedUpload,
    file: File,
}

impl UploadWriter<'_> {
    /// Takes some more.
    ///
    /// # Errors
    /// When there are more than a bundle may have, or the disk is full.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), StagingError> {
        let size = self.upload.size + bytes.len() as u64;
        if size > alga_bundle::limits::BUNDLE_BYTES as u64 {
            return Err(StagingError::TooLarge);
        }
        self.file.write_all(bytes).await?;
        self.upload.size = size;
        Ok(())
    }

    /// Makes what came last; without it, what came may be lost with the machine's power, and the offset tells.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn finish(mut self) -> Result<u64, StagingError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(self.upload.size)
    }
}
