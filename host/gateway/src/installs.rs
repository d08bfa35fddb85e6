//! Finds the install for a tenant and an extension's name. Lookups are cached until they change, so
//! that the request path rarely queries the database.

use crate::rate::Rates;
use alga_bundle::{Digest, InstallStatus, Manifest, TenantId, VersionStatus};
use alga_errors::{Code, Problem};
use alga_execute::Session;
use alga_http::Endpoints;
use alga_store::{Database, InstallRow};
use moka::future::Cache;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Time for which a lookup is cached while changes of other processes are notified. A change in
/// this process is effective at once.
const NOTIFIED_LIFE: Duration = Duration::from_secs(60);
/// The same without notifications: a change in another process is effective this much later.
const LIFE: Duration = Duration::from_secs(2);
/// Part of its life after which a lookup that is used is made again while it is used: requests do
/// not wait for the database.
const REFRESHED_AT: u32 = 2;
/// Groups of tenants whose changes are counted together.
const TENANT_GROUPS: usize = 1024;
/// Maximum number of cached lookups, whether there is an install or not.
const CACHED_LOOKUPS: u64 = 100_000;
/// Maximum number of cached releases: some kilobytes each.
const CACHED_RELEASES: u64 = 10_000;
/// Maximum length of an extension's name in a path.
const NAME_CHARACTERS: usize = 128;

/// Looks up installs in the database, with a cache.
#[derive(Clone)]
pub struct Installs {
    database: Database,
    lookups: Cache<(TenantId, String), Lookup>,
    /// Manifests with their endpoints, shared by all installs of a release.
    releases: moka::sync::Cache<Digest, Arc<Release>>,
    changes: Arc<Changes>,
}

/// State of the changes that this process knows.
struct Changes {
    /// Number of changes that concern all tenants.
    of_all: AtomicU64,
    /// Numbers of changes of one tenant, by the tenant's group.
    of_tenants: Vec<AtomicU64>,
    /// Assigns groups that no tenant can choose.
    groups: RandomState,
    /// True while changes of other processes are notified.
    is_notified: AtomicBool,
}

impl Changes {
    fn new() -> Self {
        Self {
            of_all: AtomicU64::new(0),
            of_tenants: (0..TENANT_GROUPS).map(|_| AtomicU64::new(0)).collect(),
            groups: RandomState::new(),
            is_notified: AtomicBool::new(false),
        }
    }

    fn of(&self, tenant: &TenantId) -> Option<&AtomicU64> {
        let group = self.groups.hash_one(tenant) % TENANT_GROUPS as u64;
        self.of_tenants.get(usize::try_from(group).ok()?)
    }

    /// Returns the number of changes that may concern a tenant; a lookup that began before the last
    /// one is not used.
    fn generation(&self, tenant: &TenantId) -> u64 {
        let own = self.of(tenant).map_or(0, |own| own.load(Ordering::Acquire));
        own.wrapping_add(self.of_all.load(Ordering::Acquire))
    }

    fn life(&self) -> Duration {
        match self.is_notified.load(Ordering::Acquire) {
            true => NOTIFIED_LIFE,
            false => LIFE,
        }
    }
}

/// The result of a lookup, and when it began.
#[derive(Clone)]
struct Lookup {
    found: Option<Arc<Resolved>>,
    generation: u64,
    at: Instant,
    /// True while the same is looked up again.
    is_refreshed: Arc<AtomicBool>,
}

/// A manifest with its endpoints, ready to be matched.
struct Release {
    manifest: Arc<Manifest>,
    endpoints: Arc<Endpoints>,
}

/// An install with its endpoints, built once per cache entry.
pub(crate) struct Resolved {
    pub(crate) install: InstallRow,
    pub(crate) endpoints: Arc<Endpoints>,
    /// Configuration of the install, shared by its executions.
    pub(crate) config: Arc<BTreeMap<String, String>>,
    /// Number of changes that this process knew when the install was looked up.
    pub(crate) generation: u64,
    /// Session of a runner in this process.
    pub(crate) session: OnceLock<Arc<Session>>,
}

impl Installs {
    /// Creates a lookup in this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            lookups: Cache::builder()
                .max_capacity(CACHED_LOOKUPS)
                .time_to_live(NOTIFIED_LIFE)
                .build(),
            releases: moka::sync::Cache::new(CACHED_RELEASES),
            changes: Arc::new(Changes::new()),
        }
    }

    /// Evicts the cached lookups of a tenant, or all of them; called after a change.
    pub fn evict(&self, tenant: Option<&TenantId>) {
        match tenant.and_then(|tenant| self.changes.of(tenant)) {
            Some(own) => drop(own.fetch_add(1, Ordering::AcqRel)),
            None => {
                self.changes.of_all.fetch_add(1, Ordering::AcqRel);
                self.lookups.invalidate_all();
            }
        }
    }

    /// Sets whether changes of other processes are notified, which call [`Self::evict`].
    pub fn set_notified(&self, is_notified: bool) {
        self.changes.is_notified.store(is_notified, Ordering::Release);
        self.evict(None);
    }

    fn is_current(&self, lookup: &Lookup, tenant: &TenantId) -> bool {
        lookup.generation == self.changes.generation(tenant) && lookup.at.elapsed() < self.changes.life()
    }

    /// Makes a lookup that is in use again before its life ends. If that fails, it is in use until
    /// then.
    fn refresh(&self, lookup: &Lookup, key: &(TenantId, String), rates: &Rates) {
        let is_fresh = lookup.at.elapsed() < self.changes.life() / REFRESHED_AT;
        if is_fresh || lookup.is_refreshed.swap(true, Ordering::Relaxed) {
            return;
        }
        let (installs, key, is_refreshed) = (self.clone(), key.clone(), Arc::clone(&lookup.is_refreshed));
        if rates.check_lookup(&key.0).is_err() {
            is_refreshed.store(false, Ordering::Relaxed);
            return;
        }
        tokio::spawn(async move {
            match installs.look_up(&key.0, &key.1).await {
                Ok(found) => installs.lookups.insert(key, found).await,
                Err(error) => {
                    tracing::warn!(error = %alga_errors::chain(&error), "an install could not be looked up again");
                    is_refreshed.store(false, Ordering::Relaxed);
                }
            }
        });
    }

    async fn look_up(&self, tenant: &TenantId, extension: &str) -> Result<Lookup, Problem> {
        let (generation, at) = (self.changes.generation(tenant), Instant::now());
        let install = self.database.find_install(tenant, extension).await;
        let resolve = |mut install: InstallRow| {
            let release = self.release_of(&install)?;
            install.manifest = Arc::clone(&release.manifest);
            Ok::<_, Problem>(Arc::new(Resolved {
                config: Arc::new(install.config.clone()),
                generation,
                session: OnceLock::new(),
                install,
                endpoints: Arc::clone(&release.endpoints),
            }))
        };
        Ok(Lookup {
            found: install.map_err(Problem::internal)?.map(resolve).transpose()?,
            generation,
            at,
            is_refreshed: Arc::default(),
        })
    }

    /// Returns manifest and endpoints of an install's release. The content hash names them: a
    /// release never changes.
    fn release_of(&self, install: &InstallRow) -> Result<Arc<Release>, Problem> {
        if let Some(release) = self.releases.get(&install.content_hash) {
            return Ok(release);
        }
        let release = Arc::new(Release {
            endpoints: Arc::new(Endpoints::new(&install.manifest)?),
            manifest: Arc::clone(&install.manifest),
        });
        self.releases.insert(install.content_hash, Arc::clone(&release));
        Ok(release)
    }

    /// Returns the install for this request, if it exists, is enabled, and its version may run.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        extension: &str,
        rates: &Rates,
    ) -> Result<Arc<Resolved>, Problem> {
        if extension.len() > NAME_CHARACTERS {
            return Err(not_available());
        }
        let key = (tenant.clone(), extension.to_owned());
        let lookup = match self.lookups.get(&key).await {
            Some(lookup) if self.is_current(&lookup, tenant) => {
                self.refresh(&lookup, &key, rates);
                lookup
            }
            _ => {
                rates.check_lookup(tenant)?;
                self.lookups.invalidate(&key).await;
                let looked_up = self.lookups.try_get_with(key, self.look_up(tenant, extension)).await;
                looked_up.map_err(|error: Arc<Problem>| Problem::internal(error))?
            }
        };
        let resolved = lookup
            .found
            .filter(|resolved| resolved.install.status == InstallStatus::Enabled)
            .ok_or_else(not_available)?;
        if resolved.install.version_status == VersionStatus::Revoked {
            return Err(Problem::new(
                Code::VersionRevoked,
                "this version of the extension was revoked",
            ));
        }
        Ok(resolved)
    }
}

/// Returns the same error for an install that does not exist, is disabled, or belongs to another
/// tenant.
fn not_available() -> Problem {
    Problem::new(Code::ExtensionNotAvailable, "there is no such extension here")
}

#[cfg(test)]
mod tests;
