//! Pages of extensions, from the database and the blob store.

use alga_bundle::Digest;
use alga_store::{BlobStore, Database};
use alga_ui::{AssetSource, FetchFuture, FindFuture, Page, StoredBundle};

/// Pages of releases from the database and the blob store.
pub(crate) struct StoredPages {
    pub(crate) database: Database,
    pub(crate) blobs: BlobStore,
}

impl AssetSource for StoredPages {
    fn find<'a>(&'a self, page: &'a Page) -> FindFuture<'a> {
        Box::pin(async move {
            let install = page.install.as_deref();
            Ok(self
                .database
                .has_page(&page.extension, page.content_hash, install)
                .await?)
        })
    }

    fn fetch(&self, content_hash: Digest) -> FetchFuture<'_> {
        Box::pin(async move {
            let stored = self.blobs.get(content_hash).await?;
            Ok(stored.map(|stored| StoredBundle {
                bundle: stored.bundle,
                signatures: stored.signatures,
                receipt: stored.receipt,
            }))
        })
    }
}
