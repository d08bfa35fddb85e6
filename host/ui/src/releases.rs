//! Which releases have pages; loads and verifies their bundles.

use crate::assets::{Asset, Assets};
use crate::target::Page;
use alga_bundle::{Digest, unpack};
use alga_capabilities::known;
use alga_errors::{Code, Problem, chain};
use alga_signing::{StoredRelease, TrustPolicy};
use http::HeaderValue;
use moka::future::Cache;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Time for which the result of a lookup is cached, and for which a file that was found by it is: a
/// change in another process is effective after both at the latest.
const LOOKUP_LIFE: Duration = Duration::from_secs(1);
/// Maximum bytes of the names of files that were found.
const FOUND_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of a file that was found, beside its name.
const FOUND_ENTRY_BYTES: usize = 1024;
/// Maximum number of cached lookups.
const CACHED_LOOKUPS: u64 = 10_000;
/// Maximum number of concurrent lookups: clients without a valid URL do not use all connections of
/// the database.
const LOOKUPS: usize = 2;
/// Time for which a request waits for its lookup, or for a bundle that is being loaded.
const WAIT: Duration = Duration::from_secs(10);
/// Maximum bytes of all cached files with their compressed copies.
const CACHE_BYTES: u64 = 512 * 1024 * 1024;
/// A file and its three copies, each of which is smaller than the file.
const WEIGHT: usize = 4;
/// Bundles that are loaded at once; each is in memory as a whole.
const LOADS: usize = 2;
/// Time for which a bundle that could not be loaded is not tried again.
const FAILURE_LIFE: Duration = Duration::from_secs(5);
/// Maximum number of cached failures.
const FAILURES: u64 = 10_000;

type AnyError = Box<dyn Error + Send + Sync>;
/// A lookup in progress.
pub type FindFuture<'a> = Pin<Box<dyn Future<Output = Result<bool, AnyError>> + Send + 'a>>;
/// A fetch in progress; yields `None` if there is no such bundle.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<StoredBundle>, AnyError>> + Send + 'a>>;

/// A bundle as it is stored, not yet verified.
#[derive(Debug)]
pub struct StoredBundle {
    /// Content of `bundle.tar.zst`.
    pub bundle: Vec<u8>,
    /// The signed statement about the bundle.
    pub signatures: Vec<u8>,
    /// The time at which the registry had the release, signed by the registry.
    pub receipt: Option<Vec<u8>>,
}

/// Storage of releases.
pub trait AssetSource: Send + Sync {
    /// Reports whether the release exists, is not revoked, and an enabled install may show it.
    fn find<'a>(&'a self, page: &'a Page) -> FindFuture<'a>;

    /// Fetches the bundle with this content hash.
    fn fetch(&self, content_hash: Digest) -> FetchFuture<'_>;
}

/// The assets of releases, loaded when they are needed. A clone shares its caches.
#[derive(Clone)]
pub struct Releases {
    source: Arc<dyn AssetSource>,
    trust: Arc<TrustPolicy>,
    lookups: Cache<Page, bool>,
    /// By generation of the trust policy: every new revocation list verifies every bundle again.
    assets: Cache<(u64, Digest), Arc<Assets>>,
    failures: Cache<(u64, Digest), ()>,
    /// By host and path of the request: what nearly every request needs.
    found: moka::sync::Cache<String, Arc<Found>>,
    permits: Arc<Permits>,
}

/// A file that may be shown, with the policy of its responses.
pub(crate) struct Found {
    pub(crate) asset: Arc<Asset>,
    pub(crate) policy: HeaderValue,
    /// Generation of the trust policy by which the bundle was verified.
    generation: u64,
}

struct Permits {
    lookups: Semaphore,
    loads: Semaphore,
}

impl Releases {
    /// Creates empty caches in front of a source.
    #[must_use]
    pub fn new(source: Arc<dyn AssetSource>, trust: Arc<TrustPolicy>) -> Self {
        let weigh =
            |_: &(u64, Digest), assets: &Arc<Assets>| u32::try_from(WEIGHT * assets.bytes()).unwrap_or(u32::MAX);
        let short = |capacity, life| Cache::builder().max_capacity(capacity).time_to_live(life);
        Self {
            source,
            trust,
            lookups: short(CACHED_LOOKUPS, LOOKUP_LIFE).build(),
            assets: Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh).build(),
            failures: Cache::builder()
                .max_capacity(FAILURES)
                .time_to_live(FAILURE_LIFE)
                .build(),
            found: moka::sync::Cache::builder()
                .max_capacity(FOUND_BYTES)
                .weigher(|name: &String, _| u32::try_from(FOUND_ENTRY_BYTES + name.len()).unwrap_or(u32::MAX))
                .time_to_live(LOOKUP_LIFE)
                .build(),
            permits: Arc::new(Permits {
                lookups: Semaphore::new(LOOKUPS),
                loads: Semaphore::new(LOADS),
            }),
        }
    }

    /// Evicts all cached lookups; called after a change of installs or versions.
    pub fn evict_all(&self) {
        self.lookups.invalidate_all();
        self.found.invalidate_all();
    }

    /// Returns a file that was found a moment ago.
    pub(crate) fn found(&self, name: &str) -> Option<Arc<Found>> {
        let found = self.found.get(name)?;
        (found.generation == self.trust.generation()).then_some(found)
    }

    /// Caches a file that was found in these assets.
    pub(crate) fn insert(&self, name: String, assets: &Assets, asset: &Arc<Asset>, policy: HeaderValue) {
        let found = Found {
            asset: Arc::clone(asset),
            policy,
            generation: assets.generation(),
        };
        self.found.insert(name, Arc::new(found));
    }

    /// Returns the files of a release, if it may be shown.
    pub(crate) async fn find(&self, page: &Page) -> Result<Option<Arc<Assets>>, Problem> {
        let is_shown = match self.lookups.get(page).await {
            Some(is_shown) => is_shown,
            None => self.look_up(page).await?,
        };
        if !is_shown {
            return Ok(None);
        }
        let key = (self.trust.generation(), page.content_hash);
        if let Some(assets) = self.assets.get(&key).await {
            return Ok(Some(assets));
        }
        if self.failures.get(&key).await.is_some() {
            return Ok(None);
        }
        let loaded = timeout(WAIT, self.assets.try_get_with(key, self.load(key))).await;
        match loaded.map_err(|_| busy())? {
            Ok(assets) => Ok(Some(assets)),
            Err(failure) => self.failed(key, &failure).await,
        }
    }

    async fn look_up(&self, page: &Page) -> Result<bool, Problem> {
        let permit = timeout(WAIT, self.permits.lookups.acquire()).await;
        let _permit = permit.map_err(|_| busy())?.map_err(Problem::internal)?;
        let found = self.lookups.try_get_with_by_ref(page, self.source.find(page)).await;
        found.map_err(|error| Problem::internal(error.to_string()))
    }

    async fn failed(&self, key: (u64, Digest), failure: &LoadError) -> Result<Option<Arc<Assets>>, Problem> {
        match failure {
            LoadError::Unavailable(error) => {
                let problem = Problem::new(Code::BundleUnavailable, "the bundle cannot be read at the moment");
                return Err(problem.retry_after_seconds(1).caused_by(error.clone()));
            }
            LoadError::Unknown => {}
            LoadError::Rejected(error) => {
                tracing::warn!(content_hash = %key.1, error, "a bundle with a page was refused");
            }
        }
        self.failures.insert(key, ()).await;
        Ok(None)
    }

    async fn load(&self, (generation, content_hash): (u64, Digest)) -> Result<Arc<Assets>, LoadError> {
        let _permit = self.permits.loads.acquire().await.map_err(|_| LoadError::Unknown)?;
        let fetched = self.source.fetch(content_hash).await;
        let stored = fetched.map_err(|error| LoadError::Unavailable(error.to_string()))?;
        let stored = stored.ok_or(LoadError::Unknown)?;
        let trust = Arc::clone(&self.trust);
        let verified = tokio::task::spawn_blocking(move || verify(generation, content_hash, &stored, &trust)).await;
        verified
            .map_err(|error| LoadError::Unavailable(error.to_string()))?
            .map(Arc::new)
    }
}

/// Reason why a bundle has no assets.
enum LoadError {
    Unavailable(String),
    Unknown,
    Rejected(String),
}

/// Verifies the bytes of a bundle, and unpacks the files from the same bytes.
fn verify(
    generation: u64,
    content_hash: Digest,
    stored: &StoredBundle,
    trust: &TrustPolicy,
) -> Result<Assets, LoadError> {
    let release = StoredRelease {
        bundle: &stored.bundle,
        signatures: &stored.signatures,
        receipt: stored.receipt.as_deref(),
    };
    let bundle = trust.verify_stored(content_hash, &release, known());
    let bundle = bundle.map_err(|error| LoadError::Rejected(chain(&error).to_string()))?;
    let files = unpack(&stored.bundle).map_err(|error| LoadError::Rejected(chain(&error).to_string()))?;
    Ok(Assets::new(generation, bundle.manifest(), files))
}

fn busy() -> Problem {
    Problem::new(Code::Overloaded, "too many pages are being loaded").retry_after_seconds(1)
}

#[cfg(test)]
mod tests;
