use alga_bundle::{InstallId, TenantId};
use std::error::Error;
use std::pin::Pin;

/// The future returned by the methods of a [`Backend`].
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The owner of records; every operation requires one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Tenant that owns the records.
    pub tenant: TenantId,
    /// The tenant's install that owns the records.
    pub install: InstallId,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct Record {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub revision: u64,
    pub expires_in_seconds: Option<u32>,
}

/// A write that has passed the checks of the interface.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct PutRequest {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub if_revision: Option<u64>,
    pub ttl_seconds: Option<u32>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records in the byte order of their keys.
    pub records: Vec<Record>,
    /// True if more records follow.
    pub has_more: bool,
}

/// Usage of a namespace. An expired or deleted record counts as a key until it is swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamespaceUsage {
    /// Number of keys.
    pub keys: u64,
    /// Total bytes of keys, values and metadata.
    pub bytes: u64,
}

/// Error of a [`Backend`] operation.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The record has another revision than expected: the given one, or 0 if there is no record.
    #[error("the record is at revision {0}")]
    Conflict(u64),
    /// The install has reached the given limit.
    #[error("{0}")]
    QuotaExceeded(&'static str),
    /// The record storage did not respond.
    #[error("record storage is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Storage of records. Operations on one key are linearizable, a write is durable when its future
/// resolves, and the usage of an install is counted against [`limits`](super::limits).
pub trait Backend: Send + Sync {
    /// Reads a record that has not expired.
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Record>, BackendError>>;

    /// Writes a record and returns its new revision.
    fn put<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        request: PutRequest,
    ) -> BoxFuture<'a, Result<u64, BackendError>>;

    /// Deletes a record and returns whether it existed. Its revision is not reused.
    fn delete<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        key: &'a str,
        if_revision: Option<u64>,
    ) -> BoxFuture<'a, Result<bool, BackendError>>;

    /// Lists at most `limit` records whose keys start with `prefix` and come after `after`.
    fn list<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, BackendError>>;

    /// Reads several records, each as [`get`](Self::get) does, in the order of the keys.
    fn get_many<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>, BackendError>>;

    /// Atomically writes several records with different keys and returns their revisions in the
    /// same order.
    fn put_many<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        requests: Vec<PutRequest>,
    ) -> BoxFuture<'a, Result<Vec<u64>, BackendError>>;

    /// Returns the usage of a namespace.
    fn usage<'a>(&'a self, scope: &'a Scope, namespace: &'a str)
    -> BoxFuture<'a, Result<NamespaceUsage, BackendError>>;
}
