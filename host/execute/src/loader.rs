//! From a content hash to something that can be instantiated.
//!
//! 1. component: in memory; 2. ready for what it was granted of what it needs: in memory; else 3. the release is fetched and hashed, 4. read
//!    under the limits, 5. its signature verified, 6. its real imports compared with manifest and grants, 7. its machine code taken from this
//!    host's cache or compiled in a child, 8. loaded. Steps 3 to 8 happen once for many that wait, in tasks of their own: a request whose time
//!    is over leaves, the work goes on and is kept for those who come after it.

mod failure;

use failure::{LoadFailure, not_made, problem};

use alga_bundle::{Bundle, CapabilityName, CapabilityProof, ComponentFacts, Digest, Manifest};
use alga_capabilities::{GrantSet, Release, StoreData, compose_denied, denied_optional, known, new_linker};
use alga_engine::{ComponentFactory, Engine};
use alga_errors::{Problem, chain};
use alga_signing::{Rejected, TrustPolicy};
use bytes::Bytes;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use wasmtime::component::Component;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

/// KiB of machine code that are kept ready, and of what is kept with it.
const READY_KIB: u64 = 2 * 1024 * 1024;
/// KiB that an entry costs beside.
const ENTRY_KIB: usize = 16;
/// How long what nobody runs is kept ready.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How long something is at hand before it is asked for again.
const REVALIDATE_AFTER: Duration = Duration::from_secs(60);
/// How long a failure is remembered: long enough to keep a crowd away, short enough that a repaired store is noticed.
const FAILURE_MEMORY: Duration = Duration::from_secs(5);
/// Failures that are remembered.
const FAILURES: u64 = 10_000;

/// A release as it is stored; nothing is believed of it.
#[derive(Debug, Clone)]
pub struct StoredRelease {
    /// `bundle.tar.zst`.
    pub bundle: Vec<u8>,
    /// The signed statement.
    pub signatures: Vec<u8>,
    /// When the registry had it, signed by the registry.
    pub receipt: Option<Vec<u8>>,
}

/// The store did not answer.
pub type SourceError = Box<dyn Error + Send + Sync>;
/// A fetch under way; none when there is no such release.
pub type SourceFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<StoredRelease>, SourceError>> + Send + 'a>>;

/// Where releases come from.
pub trait BundleSource: Send + Sync {
    /// Fetches what is stored for a content hash.
    fn fetch(&self, content_hash: Digest) -> SourceFuture<'_>;
}

/// What a loader works with.
pub struct LoaderDependencies {
    /// The engine.
    pub engine: Engine,
    /// Makes components of their bytes.
    pub factory: ComponentFactory,
    /// Where releases come from.
    pub source: Arc<dyn BundleSource>,
    /// Whose releases are believed.
    pub trust: Arc<TrustPolicy>,
}

/// Loads components and keeps them ready.
pub struct Loader {
    dependencies: LoaderDependencies,
    components: Cache<ReleaseKey, Arc<Loaded>>,
    prepared: Cache<LinkedKey, Arc<Prepared>>,
    failures: moka::sync::Cache<(ReleaseKey, Option<GrantSet>), LoadFailure>,
}

/// Content, and the generation of the trust policy that it was believed under: with every revocation list, everything is verified again.
type ReleaseKey = (u64, Digest);

/// A component with what it was granted of what it needs; other grants make no difference to it.
type LinkedKey = (ReleaseKey, GrantSet);

/// What a caller was given last, at hand while it is kept ready: asking for the same again takes no lock that others wait for, and allocates
/// nothing. A newer trust policy makes it worthless, as everything else that was loaded under the older one. Now and then it is asked for where
/// everything is kept, which forgets what nobody asks for.
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

/// A component that has passed every check.
struct Loaded {
    component: Component,
    proof: CapabilityProof,
    needs: GrantSet,
    release: Arc<Release>,
    /// The component's own bytes, where a tenant may leave out what is optional; another component is composed of them then.
    optional: Option<(Manifest, Bytes)>,
}

/// A component with everything linked that it was granted, ready to be instantiated.
pub(crate) struct Prepared {
    pub(crate) pre: ProxyPre<StoreData>,
    /// What executions need to know of it.
    pub(crate) release: Arc<Release>,
    /// Places of the pool that one execution takes.
    pub(crate) places: u32,
}

impl Loader {
    /// A loader that has nothing in memory.
    #[must_use]
    pub fn new(dependencies: LoaderDependencies) -> Self {
        Self {
            dependencies,
            components: ready(|loaded: &Arc<Loaded>| {
                let optional = loaded.optional.as_ref().map_or(0, |(_, bytes)| bytes.len());
                code_bytes(&loaded.component) + optional
            }),
            prepared: ready(|prepared: &Arc<Prepared>| code_bytes(prepared.pre.instance_pre().component())),
            failures: moka::sync::Cache::builder()
                .max_capacity(FAILURES)
                .time_to_live(FAILURE_MEMORY)
                .build(),
        }
    }

    /// How often a component was compiled since the start.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.dependencies.factory.compilations()
    }

    /// What can be instantiated for this content and these grants, and whether it had to be made first.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        content_hash: Digest,
        grants: GrantSet,
        held: &SessionCache,
    ) -> Result<(Arc<Prepared>, bool), Problem> {
        let trusted = (self.dependencies.trust.generation(), content_hash);
        if let Some(ready) = held.get((trusted, grants)) {
            return Ok((ready, false));
        }
        let (prepared, is_new) = self.get_or_load(trusted, grants).await?;
        held.put((trusted, grants), &prepared);
        Ok((prepared, is_new))
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
        let component = self.compose_for_grants(loaded, grants).await?;
        let link = || {
            let linker = new_linker(&self.dependencies.engine, grants)?;
            ProxyPre::new(linker.instantiate_pre(&component)?)
        };
        let pre = link().map_err(|error| LoadFailure::Rejected(format!("{error:#}")))?;
        Ok(Arc::new(Prepared {
            pre,
            release: Arc::clone(&loaded.release),
            places: alga_engine::settings::places_taken(&component),
        }))
    }

    /// The component as it is, or, where something optional is not granted, one that does not import it.
    async fn compose_for_grants(&self, loaded: &Loaded, grants: GrantSet) -> Result<Component, LoadFailure> {
        let missing: Vec<CapabilityName> = grants.missing(&loaded.proof).cloned().collect();
        let denied = || LoadFailure::Denied(missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let (manifest, bytes) = match &loaded.optional {
            _ if missing.is_empty() => return Ok(loaded.component.clone()),
            None => return Err(denied()),
            Some(optional) => optional.clone(),
        };
        let proof = loaded.proof.clone();
        let compose = move || {
            let left_out = denied_optional(&manifest, &proof, |name| grants.contains(name)).ok()?;
            Some(compose_denied(&bytes, &left_out).and_then(|composed| {
                // What it has become is read from its own bytes, as everything that is linked.
                let facts = ComponentFacts::read(&composed).map_err(alga_compose::ComposeError::of)?;
                Ok((composed, facts))
            }))
        };
        let composed = tokio::task::spawn_blocking(compose)
            .await
            .map_err(|error| LoadFailure::Internal(error.to_string()))?;
        let (composed, facts) = composed
            .ok_or_else(denied)?
            .map_err(|error| LoadFailure::Rejected(error.to_string()))?;
        if facts.needs(known()).any(|name| !grants.contains(&name)) {
            return Err(denied());
        }
        let key = *Digest::of(&composed).as_bytes();
        self.dependencies
            .factory
            .make(key, &composed)
            .await
            .map_err(|error| not_made(&error))
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
        // 3.
        let fetched = self.dependencies.source.fetch(content_hash).await;
        let release = fetched
            .map_err(|error| LoadFailure::Unavailable(error.to_string()))?
            .ok_or(LoadFailure::Unknown)?;
        // 4. to 6.
        let trust = Arc::clone(&self.dependencies.trust);
        let checked = tokio::task::spawn_blocking(move || check(content_hash, &release, &trust)).await;
        let bundle = checked.map_err(|error| LoadFailure::Internal(error.to_string()))??;
        // 7. and 8.
        let key = *bundle.proof().component.as_bytes();
        let made = self.dependencies.factory.make(key, bundle.component()).await;
        Ok(Arc::new(Loaded {
            component: made.map_err(|error| not_made(&error))?,
            needs: GrantSet::needed_by(bundle.proof()),
            proof: bundle.proof().clone(),
            release: Arc::new(Release::new(bundle.manifest().clone())),
            optional: (!bundle.manifest().optional_capabilities.is_empty())
                .then(|| (bundle.manifest().clone(), Bytes::copy_from_slice(bundle.component()))),
        }))
    }
}

/// Work that is finished, whoever leaves. Those who wait for one thing each have such a task, and wait in it for the one that began: so none of
/// them begins anew when the first has no more time.
async fn task<T: Send + 'static>(
    work: impl Future<Output = Result<T, LoadFailure>> + Send + 'static,
) -> Result<T, LoadFailure> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(LoadFailure::Internal(error.to_string())))
}

/// A cache of things that are ready, bounded by what they hold.
fn ready<K, V>(bytes: impl Fn(&V) -> usize + Send + Sync + 'static) -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(READY_KIB)
        .eviction_policy(EvictionPolicy::lru())
        .weigher(move |_, value| u32::try_from(bytes(value) / 1024 + ENTRY_KIB).unwrap_or(u32::MAX))
        .time_to_idle(IDLE)
        .build()
}

/// Bytes of a component's machine code, and of the data beside it.
fn code_bytes(component: &Component) -> usize {
    let image = component.image_range();
    (image.end as usize).saturating_sub(image.start as usize)
}

/// Hash, form, signature, proof: over the bytes that are then used.
fn check(content_hash: Digest, release: &StoredRelease, trust: &TrustPolicy) -> Result<Bundle, LoadFailure> {
    if Digest::of(&release.bundle) != content_hash {
        return Err(LoadFailure::Rejected("its bytes have another hash".into()));
    }
    let rejected = |error: &(dyn Error + 'static)| LoadFailure::Rejected(chain(error).to_string());
    let bundle = Bundle::read(&release.bundle, known()).map_err(|error| rejected(&error))?;
    match trust.verify_kept(&release.signatures, release.receipt.as_deref(), &bundle) {
        Ok(_) => Ok(bundle),
        Err(Rejected::Revoked(revoked)) => Err(LoadFailure::Revoked(revoked.to_string())),
        Err(error) => Err(rejected(&error)),
    }
}
