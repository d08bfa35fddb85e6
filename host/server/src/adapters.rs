//! The store, in the shapes that lower floors ask for.

use alga_bundle::Digest;
use alga_capabilities::{Backend, BackendError, BoxFuture, Page, PutRequest, Record, Scope, storage_limits};
use alga_execute::{BundleSource, SourceFuture, StoredRelease};
use alga_store::{BlobStore, Database, RecordError, RecordLimits, RecordWrite, Records, StoredRecord};

/// Releases from the blob store.
pub(crate) struct StoredReleases(pub(crate) BlobStore);

impl BundleSource for StoredReleases {
    fn fetch(&self, content_hash: Digest) -> SourceFuture<'_> {
        Box::pin(async move {
            let stored = self.0.get(content_hash).await?;
            Ok(stored.map(|stored| StoredRelease {
                bundle: stored.bundle,
                signatures: stored.signatures,
                receipt: stored.receipt,
            }))
        })
    }
}

/// Records from the database, under the limits that the WIT interface promises.
pub(crate) struct StoredRecords(Records);

impl StoredRecords {
    pub(crate) fn new(database: Database) -> Self {
        let limits = RecordLimits {
            namespaces: storage_limits::NAMESPACES,
            keys: storage_limits::KEYS,
            namespace_bytes: storage_limits::NAMESPACE_BYTES,
        };
        Self(Records::new(database, limits))
    }
}

impl Backend for StoredRecords {
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Record>, BackendError>> {
        Box::pin(async move {
            let found = self.0.get(&scope.tenant, &scope.install, namespace, key).await;
            found.map(|record| record.map(from_store)).map_err(error)
        })
    }

    fn put<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        request: PutRequest,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async move {
            let PutRequest {
                key,
                value,
                metadata,
                if_revision,
                ttl_seconds,
            } = request;
            let write = RecordWrite {
                key,
                value,
                metadata,
                if_revision,
                ttl_seconds,
            };
            self.0
                .put(&scope.tenant, &scope.install, namespace, &write)
                .await
                .map_err(error)
        })
    }

    fn delete<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        key: &'a str,
        if_revision: Option<u64>,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            self.0
                .delete(&scope.tenant, &scope.install, namespace, key, if_revision)
                .await
                .map_err(error)
        })
    }

    fn list<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, BackendError>> {
        Box::pin(async move {
            let page = self
                .0
                .list(&scope.tenant, &scope.install, namespace, prefix, after, limit)
                .await
                .map_err(error)?;
            Ok(Page {
                records: page.records.into_iter().map(from_store).collect(),
                has_more: page.has_more,
            })
        })
    }
}

fn from_store(record: StoredRecord) -> Record {
    let StoredRecord {
        key,
        value,
        metadata,
        revision,
        expires_in_seconds,
    } = record;
    Record {
        key,
        value,
        metadata,
        revision,
        expires_in_seconds,
    }
}

fn error(error: RecordError) -> BackendError {
    match error {
        RecordError::Conflict(revision) => BackendError::Conflict(revision),
        RecordError::Full(limit) => BackendError::QuotaExceeded(limit),
        RecordError::Store(error) => BackendError::Unavailable(error.into()),
    }
}
