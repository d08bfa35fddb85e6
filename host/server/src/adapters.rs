//! Implements the traits of lower layers with the store.

use alga_bundle::Digest;
use alga_capabilities::{
    Backend, BackendError, BoxFuture, Identity, NamespaceUsage, Page, PutRequest, Record, Scope, SecretFuture,
    SecretSource, SecretUnavailable, storage_limits,
};
use alga_errors::chain;
use alga_execute::{BundleSource, SourceFuture, StoredRelease};
use alga_secrets::{Sealer, SecretBinding, SecretEnvelope};
use alga_store::{BlobStore, Database, RecordError, RecordLimits, RecordWrite, Records, StoredRecord};
use std::error::Error;
use std::sync::Arc;
use zeroize::Zeroizing;

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

/// Creates a store of records under the limits that the WIT interface promises.
pub(crate) fn limited_records(database: Database) -> Records {
    let limits = RecordLimits {
        namespaces: storage_limits::NAMESPACES,
        keys: storage_limits::KEYS,
        namespace_bytes: storage_limits::NAMESPACE_BYTES,
    };
    Records::new(database, limits)
}

impl StoredRecords {
    pub(crate) fn new(database: Database) -> Self {
        Self(limited_records(database))
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
            let write = to_store(request);
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

    fn get_many<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>, BackendError>> {
        Box::pin(async move {
            let found = self
                .0
                .get_many(&scope.tenant, &scope.install, namespace, keys)
                .await
                .map_err(error)?;
            Ok(found.into_iter().map(|record| record.map(from_store)).collect())
        })
    }

    fn put_many<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        requests: Vec<PutRequest>,
    ) -> BoxFuture<'a, Result<Vec<u64>, BackendError>> {
        Box::pin(async move {
            let writes: Vec<_> = requests.into_iter().map(to_store).collect();
            self.0
                .put_many(&scope.tenant, &scope.install, namespace, &writes)
                .await
                .map_err(error)
        })
    }

    fn usage<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<NamespaceUsage, BackendError>> {
        Box::pin(async move {
            let usage = self
                .0
                .usage(&scope.tenant, &scope.install, namespace)
                .await
                .map_err(error)?;
            Ok(NamespaceUsage {
                keys: usage.keys,
                bytes: usage.bytes,
            })
        })
    }
}

fn to_store(request: PutRequest) -> RecordWrite {
    let PutRequest {
        key,
        value,
        metadata,
        if_revision,
        ttl_seconds,
    } = request;
    RecordWrite {
        key,
        value,
        metadata,
        if_revision,
        ttl_seconds,
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

/// Secrets from the database, opened only for the install that they were sealed for. Nothing is
/// cached: a secret that a tenant withdraws is unavailable from its next request on.
pub(crate) struct SealedSecrets {
    database: Database,
    sealer: Arc<Sealer>,
}

impl SealedSecrets {
    pub(crate) fn new(database: Database, sealer: Arc<Sealer>) -> Self {
        Self { database, sealer }
    }

    async fn find(
        &self,
        owner: &Identity,
        name: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Box<dyn Error + Send + Sync>> {
        let Some(envelope) = self.database.secret(&owner.tenant, &owner.install, name).await? else {
            return Ok(None);
        };
        let binding = SecretBinding {
            tenant: &owner.tenant,
            extension: &owner.extension,
            install: &owner.install,
            name,
        };
        let opened = self.sealer.open(&SecretEnvelope::parse(&envelope)?, &binding).await?;
        Ok(Some(Zeroizing::new(opened.expose().to_vec())))
    }
}

impl SecretSource for SealedSecrets {
    fn open<'a>(&'a self, owner: &'a Identity, name: &'a str) -> SecretFuture<'a> {
        Box::pin(async move {
            self.find(owner, name).await.map_err(|error| {
                tracing::error!(tenant = %owner.tenant, install = %owner.install, name, error = %chain(&*error), "a secret could not be opened");
                SecretUnavailable
            })
        })
    }
}
