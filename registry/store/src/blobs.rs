use crate::StoreError;
use alga_bundle::Digest;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::path::Path;
use std::sync::Arc;

/// Bundles and their signatures under `sha256/<hash>/`. Nothing that is there is ever written again.
#[derive(Clone)]
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
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
        })
    }

    /// Stores a bundle and its signatures, both verified by the caller. A bundle that is there stays, unless its bytes were damaged; signatures by
    /// a key that was replaced since make room for these.
    ///
    /// # Errors
    /// When the object store does not take it.
    pub async fn put(&self, content_hash: Digest, stored: &StoredBundle) -> Result<(), StoreError> {
        self.create(&bundle_path(content_hash), &stored.bundle).await?;
        self.create(&signatures_path(content_hash), &stored.signatures).await?;
        match &stored.receipt {
            Some(receipt) => self.create(&receipt_path(content_hash), receipt).await,
            None => Ok(()),
        }
    }

    /// Fetches the receipt of a content hash alone.
    ///
    /// # Errors
    /// When the object store does not answer.
    pub async fn receipt(&self, content_hash: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(&receipt_path(content_hash)).await
    }

    /// Fetches what is stored for a content hash; none when nothing is.
    ///
    /// # Errors
    /// When the object store does not answer.
    pub async fn get(&self, content_hash: Digest) -> Result<Option<StoredBundle>, StoreError> {
        let Some(bundle) = self.read(&bundle_path(content_hash)).await? else {
            return Ok(None);
        };
        let signatures = self.read(&signatures_path(content_hash)).await?.unwrap_or_default();
        let receipt = self.receipt(content_hash).await?;
        Ok(Some(StoredBundle {
            bundle,
            signatures,
            receipt,
        }))
    }

    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<(), StoreError> {
        let payload = PutPayload::from(bytes.to_vec());
        match self
            .objects
            .put_opts(path, payload.clone(), PutMode::Create.into())
            .await
        {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                if self.read(path).await?.as_deref() != Some(bytes) {
                    self.objects.put_opts(path, payload, PutMode::Overwrite.into()).await?;
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn read(&self, path: &ObjectPath) -> Result<Option<Vec<u8>>, StoreError> {
        match self.objects.get(path).await {
            Ok(found) if found.meta.size > alga_bundle::limits::BUNDLE_BYTES as u64 => {
                Err(StoreError::Row(format!("{path} is larger than a bundle may be")))
            }
            Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
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
