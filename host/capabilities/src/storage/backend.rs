use alga_bundle::{InstallId, TenantId};
use std::error::Error;
use std::pin::Pin;

/// A future of a [`Backend`].
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whose records: no operation is possible without saying it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The tenant.
    pub tenant: TenantId,
    /// Its install.
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

/// A write. Its parts are within the limits of the interface.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "wit/deps/alga-storage/storage.wit documents them")]
pub struct PutRequest {
    pub key: String,
    pub value: Vec<u8>,
    pub metadata: Vec<u8>,
    pub if_revision: Option<u64>,
    pub ttl_seconds: Option<u32>,
}

/// Part of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records in the byte order of their keys.
    pub records: Vec<Record>,
    /// Whether there are more.
    pub has_more: bool,
}

/// What a namespace holds: what has expired or was deleted counts as a key until it is swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamespaceUsage {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys, values and metadata.
    pub bytes: u64,
}

/// Why a backend did not do something.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The record is at this revision; 0 when there is none.
    #[error("the record is at revision {0}")]
    Conflict(u64),
    /// This limit is reached.
    #[error("{0}")]
    QuotaExceeded(&'static str),
    /// The store did not answer.
    #[error("the store did not answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Keeps records: linearizable for one key, durable when it answers, and counting what an install has against
/// [`limits`](super::limits).
pub trait Backend: Send + Sync {
    /// Reads a record that has not expired.
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Record>, BackendError>>;

    /// Writes a record and answers its new revision.
    fn put<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        request: PutRequest,
    ) -> BoxFuture<'a, Result<u64, BackendError>>;

    /// Deletes a record and answers whether there was one. Its revision is not used again.
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

    /// Writes several records of different keys, all or none, and answers their revisions in the same order.
    fn put_many<'a>(
        &'a self,
        scope: &'a Scope,
        namespace: &'a str,
        requests: Vec<PutRequest>,
    ) -> BoxFuture<'a, Result<Vec<u64>, BackendError>>;

    /// What a namespace holds.
    fn usage<'a>(&'a self, scope: &'a Scope, namespace: &'a str)
    -> BoxFuture<'a, Result<NamespaceUsage, BackendError>>;
}
