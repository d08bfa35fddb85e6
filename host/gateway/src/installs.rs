//! Finds the install for a tenant and an extension's name. Lookups are cached briefly, so that the
//! request path rarely queries the database.

use crate::endpoints::Endpoints;
use alga_bundle::{InstallStatus, TenantId, VersionStatus};
use alga_errors::{Code, Problem};
use alga_execute::Session;
use alga_store::{Database, InstallRow};
use moka::future::Cache;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Time for which a lookup is cached. A change in this process is effective at once; one in another
/// process, this much later.
const FRESH: Duration = Duration::from_secs(2);
/// Maximum number of cached lookups, whether there is an install or not.
const CACHED_LOOKUPS: u64 = 100_000;
/// Maximum length of an extension's name in a path.
const NAME_CHARACTERS: usize = 128;

/// Looks up installs in the database, with a cache.
#[derive(Clone)]
pub struct Installs {
    database: Database,
    resolved: Cache<(TenantId, String), Option<Arc<Resolved>>>,
}

/// An install with its endpoints, built once per cache entry.
pub(crate) struct Resolved {
    pub(crate) install: InstallRow,
    pub(crate) endpoints: Endpoints,
    /// Configuration of the install, shared by its executions.
    pub(crate) config: Arc<BTreeMap<String, String>>,
    /// Session of a runner in this process.
    pub(crate) session: OnceLock<Arc<Session>>,
}

impl Installs {
    /// Creates a lookup in this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            resolved: Cache::builder()
                .max_capacity(CACHED_LOOKUPS)
                .time_to_live(FRESH)
                .build(),
        }
    }

    /// Evicts all cached lookups; called after a change.
    pub fn evict_all(&self) {
        self.resolved.invalidate_all();
    }

    /// Returns the install for this request, if it exists, is enabled, and its version may run.
    pub(crate) async fn find(&self, tenant: &TenantId, extension: &str) -> Result<Arc<Resolved>, Problem> {
        if extension.len() > NAME_CHARACTERS {
            return Err(not_available());
        }
        let key = (tenant.clone(), extension.to_owned());
        let look_up = async {
            let install = self
                .database
                .find_install(tenant, extension)
                .await
                .map_err(Problem::internal)?;
            let resolve = |install: InstallRow| {
                let endpoints = Endpoints::new(&install.manifest)?;
                Ok::<_, Problem>(Arc::new(Resolved {
                    config: Arc::new(install.config.clone()),
                    session: OnceLock::new(),
                    install,
                    endpoints,
                }))
            };
            install.map(resolve).transpose()
        };
        let found = self.resolved.try_get_with(key, look_up).await;
        let found = found.map_err(|error: Arc<Problem>| Problem::internal(error))?;
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
