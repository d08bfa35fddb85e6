//! Which install an extension's name means for a tenant. Remembered for a moment, so that the request path does not ask the database.

use crate::endpoints::Endpoints;
use alga_bundle::TenantId;
use alga_errors::{Code, Problem};
use alga_store::{Database, Install, InstallStatus, VersionStatus};
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is used. In this process a change is known at once; in another one, this much later.
const FRESH: Duration = Duration::from_secs(2);
/// Answers that are remembered, whether there is an install or not.
const REMEMBERED: u64 = 100_000;
/// Characters of a name in a path.
const NAME_CHARACTERS: usize = 128;

/// Looks installs up.
#[derive(Clone)]
pub struct Installs {
    database: Database,
    verified_tokens: Cache<(TenantId, String), Option<Arc<Resolved>>>,
}

/// An install with its endpoints, made once for as long as it is cached.
pub(crate) struct Resolved {
    pub(crate) install: Install,
    pub(crate) endpoints: Endpoints,
}

impl Installs {
    /// Installs in this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            verified_tokens: Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build(),
        }
    }

    /// Forgets everything: something changed.
    pub fn forget(&self) {
        self.verified_tokens.invalidate_all();
    }

    /// The install that takes this request: there, enabled, and of a version that may run.
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
            let resolve = |install: Install| {
                let endpoints = Endpoints::new(&install.manifest)?;
                Ok::<_, Problem>(Arc::new(Resolved { install, endpoints }))
            };
            install.map(resolve).transpose()
        };
        let found = self.verified_tokens.try_get_with(key, look_up).await;
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

/// The same for one that is not there, one that is disabled and one of another tenant.
fn not_available() -> Problem {
    Problem::new(Code::ExtensionNotAvailable, "there is no such extension here")
}
