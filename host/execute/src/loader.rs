//! Loads the component for a content hash, verified and ready to instantiate.
//!
//! 1. Look up the component in memory.
//! 2. Look up its linked form for the granted capabilities that it needs in memory. Otherwise:
//! 3. fetch the release and compare its hash,
//! 4. read it under the limits,
//! 5. verify its signature,
//! 6. compare its actual imports with the manifest and the grants,
//! 7. get its machine code from this host's cache, or compile it in a child process,
//! 8. load it.
//!
//! Concurrent requests for a release share steps 3 to 8, which run in tasks of their own: if a
//! request reaches its deadline, the work continues and its result is cached for later requests.

mod failure;

use failure::{LoadFailure, not_made, problem};

use crate::handler::Handler;

use alga_bundle::{Bundle, CapabilityName, CapabilityProof, Digest, Manifest};
use alga_capabilities::{
    DenyingComponent, GrantSet, GrantsError, Release, SharedEngine, compose_for_grants, known, new_linker,
};
use alga_engine::{ComponentFactory, CrashJournal, Engine, JournalEntry};
use alga_errors::{Problem, chain};
use alga_limits::Requirements;
use alga_signing::{Rejected, StoredError, TrustPolicy};
use bytes::Bytes;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use wasmtime::component::Component;

/// Fixed cost of a cache entry in KiB, added to its machine code.
const ENTRY_KIB: usize = 16;
/// Time after which an unused entry is evicted.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// Age at which a session looks its component up in the shared cache again.
const REVALIDATE_AFTER: Duration = Duration::from_secs(60);
/// Time for which a failure is cached: long enough to absorb a burst of requests, short enough that
/// a recovered store is noticed.
const FAILURE_MEMORY: Duration = Duration::from_secs(5);
/// Maximum number of cached failures.
const FAILURES: u64 = 10_000;
/// Extensions that are fetched, verified and compiled at the same moment: each needs memory for its
/// bundle, of up to 64 MiB. Others wait.
const LOADS: usize = 64;

/// A release as it is stored, not yet verified.
#[derive(Debug, Clone)]
pub struct StoredRelease {
    /// Content of `bundle.tar.zst`.
    pub bundle: Vec<u8>,
    /// The signed statement about the bundle.
    pub signatures: Vec<u8>,
    /// The time at which the registry had the release, signed by the registry.
    pub receipt: Option<Vec<u8>>,
}

/// Error of bundle storage that is unavailable.
pub type SourceError = Box<dyn Error + Send + Sync>;
/// A fetch in progress; yields `None` if there is no such release.
pub type SourceFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<StoredRelease>, SourceError>> + Send + 'a>>;

/// Storage that releases are fetched from.
pub trait BundleSource: Send + Sync {
    /// Fetches the release with this content hash.
    fn fetch(&self, content_hash: Digest) -> SourceFuture<'_>;
}

/// Dependencies of a [`Loader`].
pub struct LoaderDependencies {
    /// The engine that runs components.
    pub engine: Engine,
    /// Creates components from their bytes.
    pub factory: ComponentFactory,
    /// Storage that releases are fetched from.
    pub source: Arc<dyn BundleSource>,
    /// Journal of what executes.
    pub journal: Arc<CrashJournal>,
    /// Policy that decides which releases are trusted.
    pub trust: Arc<TrustPolicy>,
    /// Memory in MiB for machine code and the data cached with it.
    pub memory_mib: u32,
}

/// Loads components and caches them in memory.
pub struct Loader {
    dependencies: LoaderDependencies,
    components: Cache<ReleaseKey, Arc<Loaded>>,
    prepared: Cache<LinkedKey, Arc<Prepared>>,
    loads: Semaphore,
    failures: moka::sync::Cache<(ReleaseKey, Option<GrantSet>), LoadFailure>,
}

/// Generation of the trust policy, and content hash. Every new revocation list starts a new
/// generation, so that every release is verified again.
type ReleaseKey = (u64, Digest);

/// A release, and the granted capabilities that it needs. Other grants do not affect the linked
/// component.
type LinkedKey = (ReleaseKey, GrantSet);

/// The last component that a session used, as a weak reference. A hit allocates nothing and does
/// not wait for the locks of the shared caches. A newer generation of the trust policy invalidates
/// the entry, like everything that was loaded under the older one. After [`REVALIDATE_AFTER`] the
/// shared cache is asked again, because it evicts what is not asked for.
#[derive(Default)]
pub(crate) struct SessionCache(RwLock<Option<(LinkedKey, Weak<Prepared>, Instant)>>);

impl SessionCache {
    fn get(&self, part: LinkedKey) -> Option<Arc<Prepared>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .filter(|(of, _, since)| *of == part && since.elapsed() < REVALIDATE_AFTER)
            .and_then(|(_, prepared, _)| prepared.upgrade())
    }

    fn put(&self, part: LinkedKey, prepared: &Arc<Prepared>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Some((part, Arc::downgrade(prepared), Instant::now()));
    }
}

/// A component that passed every check.
struct Loaded {
    component: Component,
    requirements: Requirements,
    /// The engine that the component shares with others.
    shared_engine: Option<SharedEngine>,
    proof: CapabilityProof,
    needs: GrantSet,
    release: Arc<Release>,
    journal_entry: Arc<JournalEntry>,
    /// Manifest and component bytes, present if the manifest has optional capabilities: if one is
    /// not granted, another component is composed from these bytes.
    optional: Option<(Manifest, Bytes)>,
}

/// A component linked with its granted capabilities, ready to be instantiated.
pub(crate) struct Prepared {
    pub(crate) handler: Handler,
    /// The release data that executions need.
    pub(crate) release: Arc<Release>,
    /// Pool slots that one execution uses.
    pub(crate) slots: u32,
    /// Place in the journal of what executes.
    pub(crate) journal_entry: Arc<JournalEntry>,
}

impl Loader {
    /// Creates a loader with empty caches.
    #[must_use]
    pub fn new(dependencies: LoaderDependencies) -> Self {
        let kib = u64::from(dependencies.memory_mib) * 1024;
        Self {
            dependencies,
            components: ready(kib, |loaded: &Arc<Loaded>| {
                let optional = loaded.optional.as_ref().map_or(0, |(_, bytes)| bytes.len());
                code_bytes(&loaded.component) + optional
            }),
            prepared: ready(kib, |prepared: &Arc<Prepared>| {
                code_bytes(prepared.handler.instance_pre().component())
            }),
            loads: Semaphore::new(LOADS),
            failures: moka::sync::Cache::builder()
                .max_capacity(FAILURES)
                .time_to_live(FAILURE_MEMORY)
                .build(),
        }
    }

    /// Returns the number of compilations since the start.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.dependencies.factory.compilations()
    }

    /// Returns the number of components that were loaded, by where their machine code came from.
    pub(crate) fn loads(&self) -> [(&'static str, u64); 2] {
        let factory = &self.dependencies.factory;
        [
            ("machine_code_cache", factory.cached_loads()),
            ("compiler", factory.compilations()),
        ]
    }

    /// Returns the number of components in memory.
    pub(crate) fn components(&self) -> usize {
        // The cache's own count lags behind.
        self.components.iter().count()
    }

    /// Returns the component for this content hash and these grants, and whether it had to be
    /// loaded or linked first.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        content_hash: Digest,
        grants: GrantSet,
        held: &SessionCache,
    ) -> Result<(Arc<Prepared>, bool), Problem> {
        if let Some(ready) = self.in_memory(content_hash, grants, held).await {
            return Ok((ready, false));
        }
        let trusted = (self.dependencies.trust.generation(), content_hash);
        let (prepared, is_new) = self.get_or_load(trusted, grants).await?;
        held.put((trusted, grants), &prepared);
        Ok((prepared, is_new))
    }

    /// Returns the component if it is loaded and linked: the session holds it, or another one does.
    pub(crate) async fn in_memory(
        &self,
        content_hash: Digest,
        grants: GrantSet,
        held: &SessionCache,
    ) -> Option<Arc<Prepared>> {
        let trusted = (self.dependencies.trust.generation(), content_hash);
        if let Some(ready) = held.get((trusted, grants)) {
            return Some(ready);
        }
        let loaded = self.components.get(&trusted).await?;
        let part = (trusted, grants.intersection(loaded.needs));
        let ready = self.prepared.get(&part).await?;
        held.put((trusted, grants), &ready);
        Some(ready)
    }

    async fn get_or_load(
        self: &Arc<Self>,
        trusted: ReleaseKey,
        grants: GrantSet,
    ) -> Result<(Arc<Prepared>, bool), Problem> {
        // 1.
        let loaded = match self.components.get(&trusted).await {
            Some(loaded) => loaded,
            None => self.loaded(trusted).await.map_err(|failure| problem(&failure))?,
        };
        // 2.
        let part = (trusted, grants.intersection(loaded.needs));
        if let Some(ready) = self.prepared.get(&part).await {
            return Ok((ready, false));
        }
        let made = self.get_or_link(part, loaded).await;
        made.map(|prepared| (prepared, true))
            .map_err(|failure| problem(&failure))
    }

    async fn get_or_link(self: &Arc<Self>, part: LinkedKey, loaded: Arc<Loaded>) -> Result<Arc<Prepared>, LoadFailure> {
        let (trusted, grants) = part;
        if let Some(failure) = self.failures.get(&(trusted, Some(grants))) {
            return Err(failure);
        }
        let loader = Arc::clone(self);
        task(async move {
            let make = async {
                let made = loader.link(&loaded, grants).await;
                made.inspect_err(|failure| loader.failures.insert((trusted, Some(grants)), failure.clone()))
            };
            let made = loader.prepared.try_get_with(part, make).await;
            made.map_err(|failure| (*failure).clone())
        })
        .await
    }

    async fn link(&self, loaded: &Loaded, grants: GrantSet) -> Result<Arc<Prepared>, LoadFailure> {
        let (component, requirements) = self.compose_for_grants(loaded, grants).await?;
        let link = || {
            let _mark = loaded.journal_entry.mark();
            let mut linker = new_linker(&self.dependencies.engine, grants)?;
            if let Some(engine) = &loaded.shared_engine {
                engine.link(&mut linker)?;
            }
            Handler::new(linker.instantiate_pre(&component)?)
        };
        let handler = link().map_err(|error| LoadFailure::Rejected(format!("{error:#}")))?;
        Ok(Arc::new(Prepared {
            handler,
            release: Arc::clone(&loaded.release),
            slots: alga_engine::settings::slots_used(&component, &requirements),
            journal_entry: Arc::clone(&loaded.journal_entry),
        }))
    }

    /// Returns the component unchanged or, if an optional capability is not granted, a composition
    /// that does not import it.
    async fn compose_for_grants(
        &self,
        loaded: &Loaded,
        grants: GrantSet,
    ) -> Result<(Component, Requirements), LoadFailure> {
        let denied = |missing: &[CapabilityName]| {
            LoadFailure::Denied(
                missing
                    .iter()
                    .map(CapabilityName::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            )
        };
        let missing: Vec<CapabilityName> = grants.missing(&loaded.proof).cloned().collect();
        let (manifest, bytes) = match &loaded.optional {
            _ if missing.is_empty() => return Ok((loaded.component.clone(), loaded.requirements)),
            None => return Err(denied(&missing)),
            Some(optional) => optional.clone(),
        };
        let proof = loaded.proof.clone();
        let mark = Arc::clone(&loaded.journal_entry);
        let compose = move || {
            let _mark = mark.mark();
            compose_for_grants(&bytes, &manifest, &proof, |name| grants.contains(name))
        };
        let composed = tokio::task::spawn_blocking(compose)
            .await
            .map_err(|error| LoadFailure::Internal(error.to_string()))?;
        let DenyingComponent {
            component,
            key,
            requirements,
        } = match composed {
            Ok(Some(composed)) => composed,
            Ok(None) => return Ok((loaded.component.clone(), loaded.requirements)),
            Err(GrantsError::Missing(missing)) => return Err(denied(&missing)),
            Err(error) => return Err(LoadFailure::Rejected(error.to_string())),
        };
        let made = self
            .dependencies
            .factory
            .make(key, &component, Some(&loaded.journal_entry))
            .await;
        let component = made.map_err(|error| not_made(&error))?;
        Ok((component, requirements))
    }

    async fn loaded(self: &Arc<Self>, trusted: ReleaseKey) -> Result<Arc<Loaded>, LoadFailure> {
        if let Some(failure) = self.failures.get(&(trusted, None)) {
            return Err(failure);
        }
        let loader = Arc::clone(self);
        task(async move {
            let load = async {
                let loaded = loader.load(trusted.1).await;
                loaded.inspect_err(|failure| loader.failures.insert((trusted, None), failure.clone()))
            };
            let loaded = loader.components.try_get_with(trusted, load).await;
            loaded.map_err(|failure| (*failure).clone())
        })
        .await
    }

    async fn load(&self, content_hash: Digest) -> Result<Arc<Loaded>, LoadFailure> {
        // Never closed.
        let load = self.loads.acquire().await;
        // 3.
        let fetched = self.dependencies.source.fetch(content_hash).await;
        let release = fetched
            .map_err(|error| LoadFailure::Unavailable(error.to_string()))?
            .ok_or(LoadFailure::Unknown)?;
        // What the host does with a hostile bundle may crash it, too. It is not marked while the
        // compiler runs, in a process of its own: a crash at that time has another cause.
        let journal_entry = Arc::new(self.dependencies.journal.entry(content_hash.as_bytes()));
        // 4. to 6.
        let (trust, mark) = (Arc::clone(&self.dependencies.trust), Arc::clone(&journal_entry));
        let checked = tokio::task::spawn_blocking(move || {
            let _mark = mark.mark();
            check(content_hash, &release, &trust)
        });
        let checked = checked.await;
        let bundle = checked.map_err(|error| LoadFailure::Internal(error.to_string()))??;
        // 7. and 8.
        let code = bundle.component().zip(bundle.proof().component);
        let (component, digest) = code.ok_or(LoadFailure::Unknown)?;
        let factory = &self.dependencies.factory;
        let made = factory.make(*digest.as_bytes(), component, Some(&journal_entry)).await;
        // Compiling the engine the first time needs seconds, which delay no other extension.
        drop(load);
        let shared_engine = SharedEngine::of(bundle.proof(), factory).await;
        Ok(Arc::new(Loaded {
            component: made.map_err(|error| not_made(&error))?,
            requirements: *bundle.requirements(),
            shared_engine: shared_engine.map_err(|error| not_made(&error))?,
            needs: GrantSet::needed_by(bundle.proof()),
            proof: bundle.proof().clone(),
            journal_entry: Arc::clone(&journal_entry),
            release: Arc::new(Release::new(bundle.manifest().clone())),
            optional: (!bundle.manifest().optional_capabilities.is_empty())
                .then(|| (bundle.manifest().clone(), Bytes::copy_from_slice(component))),
        }))
    }
}

/// Runs work to completion in its own task, even if the caller is dropped. Every caller that waits
/// for the same entry spawns such a task, so that none of them restarts the work when the first
/// caller reaches its deadline.
async fn task<T: Send + 'static>(
    work: impl Future<Output = Result<T, LoadFailure>> + Send + 'static,
) -> Result<T, LoadFailure> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(LoadFailure::Internal(error.to_string())))
}

/// Creates a cache that is bounded by the bytes of its values.
fn ready<K, V>(kib: u64, bytes: impl Fn(&V) -> usize + Send + Sync + 'static) -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(kib)
        .eviction_policy(EvictionPolicy::lru())
        .weigher(move |_, value| u32::try_from(bytes(value) / 1024 + ENTRY_KIB).unwrap_or(u32::MAX))
        .time_to_idle(IDLE)
        .build()
}

/// Returns the bytes of a component's machine code and of the data beside it.
fn code_bytes(component: &Component) -> usize {
    let image = component.image_range();
    (image.end as usize).saturating_sub(image.start as usize)
}

/// Verifies a release as [`TrustPolicy::verify_stored`] does.
fn check(content_hash: Digest, release: &StoredRelease, trust: &TrustPolicy) -> Result<Bundle, LoadFailure> {
    let stored = alga_signing::StoredRelease {
        bundle: &release.bundle,
        signatures: &release.signatures,
        receipt: release.receipt.as_deref(),
    };
    let verified = trust.verify_stored(content_hash, &stored, known());
    verified.map_err(|error| match error {
        StoredError::Rejected(Rejected::Revoked(revoked)) => LoadFailure::Revoked(revoked.to_string()),
        error => LoadFailure::Rejected(chain(&error).to_string()),
    })
}
