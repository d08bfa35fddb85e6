//! Bundles, signatures and receipts by content hash, in a folder or an S3-compatible store.

use crate::StoreError;
use alga_bundle::Digest;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Bytes of a bundle that are on their way at a time. S3 takes parts of 5 MiB and more; larger ones only cost memory.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How often, and for how long in all, a store that fails is asked again: who waits is a publisher, or a caller of an extension that is not loaded.
const RETRIES: usize = 2;
const RETRY_TIME: Duration = Duration::from_secs(2);
/// Time to reach a store.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for one request of a store: a part of a bundle over a slow line.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of signatures or of a receipt.
const DOCUMENT_BYTES: u64 = 1024 * 1024;

/// Bundles, their signatures and receipts under `sha256/<hash>/`. What is there stays; only damage and replaced signatures are mended.
#[derive(Clone)]
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
    /// Where they are, if it is a folder.
    folder: Option<Arc<Path>>,
}

/// Where an S3-compatible store is. Objects are created with `If-None-Match: *`, which it must understand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// A folder in it; none: its root.
    pub prefix: Option<String>,
    /// The endpoint; none: that of the cloud of the same name. Plain http only when it says so.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Key id and secret; none: what the machine's environment grants.
    pub credentials: Option<(String, String)>,
}

/// What is stored for a content hash. Nothing is believed of it: whoever loads it hashes and verifies it again.
#[derive(Debug, Clone)]
pub struct StoredBundle {
    /// `bundle.tar.zst`.
    pub bundle: Vec<u8>,
    /// `bundle.sigs.json`.
    pub signatures: Vec<u8>,
    /// `bundle.receipt.json`: when the registry had it, signed by the registry.
    pub receipt: Option<Vec<u8>>,
}

/// A verified bundle on its way into the store.
#[derive(Debug, Clone, Copy)]
pub struct NewBundle<'a> {
    /// Its content hash.
    pub content_hash: Digest,
    /// A file with exactly that content.
    pub file: &'a Path,
    /// Its verified signatures.
    pub signatures: &'a [u8],
    /// The registry's receipt.
    pub receipt: &'a [u8],
}

impl BlobStore {
    /// A store in a local folder. Every put is synced to disk before it is acknowledged; the library's default is not to.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn local(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(StoreError::row)?;
        let objects = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            folder: Some(folder.into()),
        })
    }

    /// A store in an S3-compatible bucket; nothing is asked of it yet.
    ///
    /// # Errors
    /// When the settings are not enough.
    pub fn s3(settings: &S3Settings) -> Result<Self, StoreError> {
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&settings.bucket)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: RETRY_TIME,
                ..RetryConfig::default()
            });
        let client = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let Some((id, secret)) = &settings.credentials {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let is_plain = settings
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.starts_with("http://"));
        let bucket = builder.with_client_options(client.with_allow_http(is_plain)).build()?;
        Ok(Self {
            objects: match &settings.prefix {
                Some(prefix) => Arc::new(PrefixStore::new(bucket, ObjectPath::from(prefix.as_str()))),
                None => Arc::new(bucket),
            },
            folder: None,
        })
    }

    /// Stores a bundle with its signatures and receipt. A bundle that is there stays, unless its bytes were damaged; signatures by a key that was
    /// replaced since make room for these.
    ///
    /// # Errors
    /// When the object store does not take it.
    pub async fn put(&self, new: NewBundle<'_>) -> Result<(), StoreError> {
        let path = bundle_path(new.content_hash);
        if self.digest_of(&path).await? != Some(new.content_hash) {
            self.upload(&path, new).await?;
        }
        self.create(&signatures_path(new.content_hash), new.signatures).await?;
        self.create(&receipt_path(new.content_hash), new.receipt).await
    }

    /// Fetches signatures and receipt of a content hash; none when one of them is not there.
    ///
    /// # Errors
    /// When the object store does not answer.
    pub async fn attestations(&self, content_hash: Digest) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        let signatures = self.read(&signatures_path(content_hash), DOCUMENT_BYTES).await;
        let attestations = match (signatures, self.receipt(content_hash).await) {
            (Ok(signatures), Ok(receipt)) => signatures.zip(receipt),
            // Larger than they may be: as good as none.
            (Err(StoreError::TooLarge(_)), _) | (_, Err(StoreError::TooLarge(_))) => None,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(attestations)
    }

    /// Fetches the receipt of a content hash alone.
    async fn receipt(&self, content_hash: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(&receipt_path(content_hash), DOCUMENT_BYTES).await
    }

    /// Fetches what is stored for a content hash; none when nothing is.
    ///
    /// # Errors
    /// When the object store does not answer.
    pub async fn get(&self, content_hash: Digest) -> Result<Option<StoredBundle>, StoreError> {
        let most = alga_bundle::limits::BUNDLE_BYTES as u64;
        let Some(bundle) = self.read(&bundle_path(content_hash), most).await? else {
            return Ok(None);
        };
        let signatures = self.read(&signatures_path(content_hash), DOCUMENT_BYTES).await?;
        Ok(Some(StoredBundle {
            bundle,
            signatures: signatures.unwrap_or_default(),
            receipt: self.receipt(content_hash).await?,
        }))
    }

    /// Takes away what is stored for a content hash that no version has. The bundle goes last: what is left of a removal that broke off is still whole enough to
    /// be found again.
    ///
    /// # Errors
    /// When the object store does not do it; it can be repeated.
    pub(crate) async fn remove(&self, content_hash: Digest) -> Result<(), StoreError> {
        for path in [receipt_path, signatures_path, bundle_path].map(|path| path(content_hash)) {
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // What a killed process had begun to write lies beside, under a name of the library's own.
        if let Some(folder) = &self.folder {
            let folder = folder.join("sha256").join(content_hash.to_hex());
            let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
            let removed = removed.map_err(StoreError::row)?;
            if removed.is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound) {
                return Err(StoreError::Row("a folder of the store cannot be removed".to_owned()));
            }
        }
        Ok(())
    }

    /// A file in parts. Its place appears whole or not at all, and only if the file is still what was verified.
    async fn upload(&self, path: &ObjectPath, new: NewBundle<'_>) -> Result<(), StoreError> {
        let mut file = HashedFile::open(new.file).await?;
        let first = file.part().await?;
        if first.len() < PART_BYTES {
            file.is(new.content_hash)?;
            return self.create(path, &first).await;
        }
        let mut upload = self.objects.put_multipart(path).await?;
        match put_parts(upload.as_mut(), first, file, new.content_hash).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Best effort: what cannot be told to go now, the store's own rule for unfinished uploads removes.
                upload.abort().await.ok();
                Err(error)
            }
        }
    }

    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<(), StoreError> {
        let payload = PutPayload::from(bytes.to_vec());
        match self
            .objects
            .put_opts(path, payload.clone(), PutMode::Create.into())
            .await
        {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                if !self.holds(path, bytes).await? {
                    self.objects.put_opts(path, payload, PutMode::Overwrite.into()).await?;
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an object has exactly these bytes; no more of it is looked at.
    async fn holds(&self, path: &ObjectPath, bytes: &[u8]) -> Result<bool, StoreError> {
        match self.read(path, bytes.len() as u64).await {
            Ok(found) => Ok(found.as_deref() == Some(bytes)),
            Err(StoreError::TooLarge(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The digest of what is there, which is not held for it; none when there is nothing, or more than a bundle.
    async fn digest_of(&self, path: &ObjectPath) -> Result<Option<Digest>, StoreError> {
        let found = match self.objects.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut hasher, mut size) = (Sha256::new(), 0);
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            size += chunk.len();
            if size > alga_bundle::limits::BUNDLE_BYTES {
                return Ok(None);
            }
            hasher.update(&chunk);
        }
        Ok(Some(Digest::from_hash(hasher.finalize().into())))
    }

    async fn read(&self, path: &ObjectPath, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = match self.objects.get(path).await {
            Ok(found) if found.meta.size > most => {
                return Err(StoreError::TooLarge(path.to_string()));
            }
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // A store that says one size and sends another is not listened to for longer than that.
        let mut bytes = Vec::new();
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.try_next().await? {
            if (bytes.len() + chunk.len()) as u64 > most {
                return Err(StoreError::TooLarge(path.to_string()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }
}

async fn put_parts(
    upload: &mut dyn MultipartUpload,
    first: Bytes,
    mut file: HashedFile,
    content_hash: Digest,
) -> Result<(), StoreError> {
    let mut next = first;
    while !next.is_empty() {
        upload.put_part(PutPayload::from(next)).await?;
        next = file.part().await?;
    }
    file.is(content_hash)?;
    upload.complete().await?;
    Ok(())
}

/// A file that is hashed while it is read.
struct HashedFile {
    file: File,
    hasher: Sha256,
}

impl HashedFile {
    async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: File::open(path).await.map_err(StoreError::row)?,
            hasher: Sha256::new(),
        })
    }

    /// The next part; an empty one at the end.
    async fn part(&mut self) -> Result<Bytes, StoreError> {
        let mut part = Vec::with_capacity(PART_BYTES);
        let read = (&mut self.file).take(PART_BYTES as u64).read_to_end(&mut part).await;
        read.map_err(StoreError::row)?;
        self.hasher.update(&part);
        Ok(part.into())
    }

    /// Whether what was read is this content.
    fn is(self, content_hash: Digest) -> Result<(), StoreError> {
        if Digest::from_hash(self.hasher.finalize().into()) == content_hash {
            Ok(())
        } else {
            Err(StoreError::Row(
                "a staged upload changed after it was verified".to_owned(),
            ))
        }
    }
}

fn bundle_path(content_hash: Digest) -> ObjectPath {
    ObjectPath::from(format!("sha256/{}/bundle.tar.zst", content_hash.to_hex()))
}

fn receipt_path(content_hash: Digest) -> ObjectPath {
    ObjectPath::from(format!("sha256/{}/bundle.receipt.json", content_hash.to_hex()))
}

fn signatures_path(content_hash: Digest) -> ObjectPath {
    ObjectPath::from(format!("sha256/{}/bundle.sigs.json", content_hash.to_hex()))
}
