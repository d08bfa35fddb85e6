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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Time for which a lookup is cached while changes of other processes are notified. A change in
/// this process is effective at once.
const NOTIFIED_LIFE: Duration = Duration::from_secs(60);
/// The same without notifications: a change in another process is effective this much later.
const LIFE: Duration = Duration::from_secs(2);
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
#[derive(Default)]
struct Changes {
    /// Number of changes; a lookup that began before the last one is not used.
    generation: AtomicU64,
    /// True while changes of other processes are notified.
    is_notified: AtomicBool,
}

/// The result of a lookup, and when it began.
#[derive(Clone)]
struct Lookup {
    found: Option<Arc<Resolved>>,
    generation: u64,
    at: Instant,
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
            changes: Arc::default(),
        }
    }

    /// Evicts all cached lookups; called after a change.
    pub fn evict_all(&self) {
        self.changes.generation.fetch_add(1, Ordering::AcqRel);
        self.lookups.invalidate_all();
    }

    /// Sets whether changes of other processes are notified, which call [`Self::evict_all`].
    pub fn set_notified(&self, is_notified: bool) {
        self.changes.is_notified.store(is_notified, Ordering::Release);
        self.evict_all();
    }

    fn is_current(&self, lookup: &Lookup) -> bool {
        let life = match self.changes.is_notified.load(Ordering::Acquire) {
            true => NOTIFIED_LIFE,
            false => LIFE,
        };
        lookup.generation == self.changes.generation.load(Ordering::Acquire) && lookup.at.elapsed() < life
    }

    async fn look_up(&self, tenant: &TenantId, extension: &str) -> Result<Lookup, Problem> {
        let (generation, at) = (self.changes.generation.load(Ordering::Acquire), Instant::now());
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
        let mut lookup = self.lookups.get(&key).await;
        if !lookup.as_ref().is_some_and(|lookup| self.is_current(lookup)) {
            rates.check_lookup(tenant)?;
            self.lookups.invalidate(&key).await;
            let looked_up = self.lookups.try_get_with(key, self.look_up(tenant, extension)).await;
            lookup = Some(looked_up.map_err(|error: Arc<Problem>| Problem::internal(error))?);
        }
        let found = lookup.and_then(|lookup| lookup.found);
        let resolved = found
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
