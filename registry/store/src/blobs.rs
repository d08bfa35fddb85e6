//! Bundles, signatures and receipts by content hash, in a directory or an S3-compatible store.

use crate::StoreError;
use alga_bundle::Digest;
use alga_metrics::Latency;
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

/// Size of a part in a multipart upload. S3 accepts parts from 5 MiB; larger ones only cost memory.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Retries of a failed request to the object store. Few, because a publisher, or a caller of an
/// extension that is not loaded, waits for them.
const RETRIES: usize = 2;
/// Total time in which a request is retried.
const RETRY_TIME: Duration = Duration::from_secs(2);
/// Time limit for connecting to the object store.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for one request to the object store: enough for a part of a bundle over a slow line.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a signature file or a receipt, in bytes.
const DOCUMENT_BYTES: u64 = 1024 * 1024;

/// Bundles, their signatures and receipts under `sha256/<hash>/`. Existing objects are retained;
/// only damaged bundles and replaced signatures and receipts are overwritten.
#[derive(Clone)]
pub struct BlobStore {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Directory of the store, if it is a local one.
    pub(crate) directory: Option<Arc<Path>>,
    latency: Latency,
}

/// Location and credentials of an S3-compatible store. Objects are created with
/// `If-None-Match: *`, which the store must support.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// Name of the bucket.
    pub bucket: String,
    /// Key prefix in the bucket; `None` uses its root.
    pub prefix: Option<String>,
    /// Endpoint URL; `None` uses AWS. Plain HTTP is allowed only if the URL starts with `http://`.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Access key id and secret; `None` uses the credentials of the machine's environment.
    pub credentials: Option<(String, String)>,
}

/// Stored objects of a content hash. They are untrusted: the caller must hash and verify them
/// again.
#[derive(Debug, Clone)]
pub struct StoredBundle {
    /// Contents of `bundle.tar.zst`.
    pub bundle: Vec<u8>,
    /// Contents of `bundle.sigs.json`.
    pub signatures: Vec<u8>,
    /// Contents of `bundle.receipt.json`: the registry's signed statement of the time at which it
    /// received the bundle.
    pub receipt: Option<Vec<u8>>,
}

/// A verified bundle to store.
#[derive(Debug, Clone, Copy)]
pub struct NewBundle<'a> {
    /// Content hash of the bundle.
    pub content_hash: Digest,
    /// File with exactly that content.
    pub file: &'a Path,
    /// Verified signatures of the bundle.
    pub signatures: &'a [u8],
    /// Receipt of the registry.
    pub receipt: &'a [u8],
}

impl BlobStore {
    /// Creates a store in a local directory. Every write is synced to disk before it is
    /// acknowledged, which is not the library's default.
    ///
    /// # Errors
    /// Returns [`StoreError::File`] if the directory cannot be created, or [`StoreError::Objects`]
    /// if the object store rejects its path.
    pub fn local(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory)?;
        let objects = LocalFileSystem::new_with_prefix(directory)?.with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            directory: Some(directory.into()),
            latency: Latency::default(),
        })
    }

    /// Creates a client of an S3-compatible bucket; it sends no request yet.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] if the settings are incomplete or invalid.
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
            directory: None,
            latency: Latency::default(),
        })
    }

    /// Returns the durations of storing, fetching and removing bundles.
    #[must_use]
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Stores a bundle with its signatures and receipt. An existing bundle is retained unless its
    /// bytes are damaged; existing signatures and receipts that differ are overwritten.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] if the object store fails, or [`StoreError::Row`] if the
    /// file cannot be read or no longer has the content hash.
    pub async fn put(&self, new: NewBundle<'_>) -> Result<(), StoreError> {
        self.latency.time(self.put_untimed(new)).await
    }

    async fn put_untimed(&self, new: NewBundle<'_>) -> Result<(), StoreError> {
        let path = bundle_path(new.content_hash);
        if self.digest_of(&path).await? != Some(new.content_hash) {
            self.upload(&path, new).await?;
        }
        self.create(&signatures_path(new.content_hash), new.signatures).await?;
        self.create(&receipt_path(new.content_hash), new.receipt).await
    }

    /// Fetches signatures and receipt of a content hash, or `None` if one of them is missing.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] if the object store fails.
    pub async fn attestations(&self, content_hash: Digest) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        let signatures = self.read(&signatures_path(content_hash), DOCUMENT_BYTES).await;
        let attestations = match (signatures, self.receipt(content_hash).await) {
            (Ok(signatures), Ok(receipt)) => signatures.zip(receipt),
            // Objects over the size limit are treated as missing.
            (Err(StoreError::TooLarge(_)), _) | (_, Err(StoreError::TooLarge(_))) => None,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(attestations)
    }

    /// Fetches only the receipt of a content hash.
    async fn receipt(&self, content_hash: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(&receipt_path(content_hash), DOCUMENT_BYTES).await
    }

    /// Fetches the stored objects of a content hash, or `None` if it has no bundle.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] if the object store fails, or [`StoreError::TooLarge`] if an
    /// object exceeds its size limit.
    pub async fn get(&self, content_hash: Digest) -> Result<Option<StoredBundle>, StoreError> {
        self.latency.time(self.get_untimed(content_hash)).await
    }

    async fn get_untimed(&self, content_hash: Digest) -> Result<Option<StoredBundle>, StoreError> {
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

    /// Deletes the objects of a content hash that no version refers to. The bundle is deleted last,
    /// so that an interrupted removal can be detected and repeated.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] or [`StoreError::File`] if an object or the directory cannot
    /// be deleted; the call can be repeated.
    pub(crate) async fn remove(&self, content_hash: Digest) -> Result<(), StoreError> {
        self.latency.time(self.remove_untimed(content_hash)).await
    }

    async fn remove_untimed(&self, content_hash: Digest) -> Result<(), StoreError> {
        for path in [receipt_path, signatures_path, bundle_path].map(|path| path(content_hash)) {
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // A killed process may have left temporary files here, named by the object store library.
        if let Some(directory) = &self.directory {
            let directory = directory.join("sha256").join(content_hash.to_hex());
            let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(directory)).await;
            // A panic in the task is a failed removal, too.
            match removed.map_err(std::io::Error::other)? {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Uploads a file in parts. The object appears completely or not at all, and only if the file
    /// still has the verified content hash.
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
                // Best effort: if this fails, the store's lifecycle rule for incomplete multipart
                // uploads removes the parts.
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

    /// Reports whether an object has exactly these bytes, without reading more than their length.
    pub(crate) async fn holds(&self, path: &ObjectPath, bytes: &[u8]) -> Result<bool, StoreError> {
        match self.read(path, bytes.len() as u64).await {
            Ok(found) => Ok(found.as_deref() == Some(bytes)),
            Err(StoreError::TooLarge(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Computes the digest of an object chunk by chunk, without buffering it. Returns `None` if
    /// there is no such object or it is larger than a bundle may be.
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

    pub(crate) async fn read(&self, path: &ObjectPath, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = match self.objects.get(path).await {
            Ok(found) if found.meta.size > most => {
                return Err(StoreError::TooLarge(path.to_string()));
            }
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // The limit also holds if the store sends more bytes than the size it reported.
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

/// Reader that hashes a file while reading it.
struct HashedFile {
    file: File,
    hasher: Sha256,
}

impl HashedFile {
    async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            file: File::open(path).await?,
            hasher: Sha256::new(),
        })
    }

    /// Reads the next part, which is empty at the end of the file.
    async fn part(&mut self) -> Result<Bytes, StoreError> {
        let mut part = Vec::with_capacity(PART_BYTES);
        let read = (&mut self.file).take(PART_BYTES as u64).read_to_end(&mut part).await;
        read?;
        self.hasher.update(&part);
        Ok(part.into())
    }

    /// Verifies that the bytes read so far have this content hash.
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
