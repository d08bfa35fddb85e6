//! Fetching secrets for an execution, within its budget.

use crate::{HostDependencies, Identity, SecretSource, SecretUnavailable};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Maximum secrets that are fetched in one execution: each fetch is a database query and an unseal
/// operation.
const FETCHES: usize = 32;

/// The service of the capabilities that fetch secrets.
#[derive(Clone)]
pub(crate) struct Service {
    source: Arc<dyn SecretSource>,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            source: Arc::clone(&host_dependencies.secrets),
        }
    }

    /// Creates the fetcher of one execution.
    pub(crate) fn fetcher(&self) -> SecretFetcher {
        SecretFetcher {
            source: Arc::clone(&self.source),
            fetched: 0,
        }
    }
}

/// Fetches secrets for one execution, at most [`FETCHES`] times.
pub(crate) struct SecretFetcher {
    source: Arc<dyn SecretSource>,
    fetched: usize,
}

/// Reason why a secret was not fetched.
pub(crate) enum FetchError {
    /// The execution has fetched as many secrets as it may.
    TooMany(&'static str),
    Unavailable,
}

impl SecretFetcher {
    /// Returns the plaintext of a secret, or `None` if it is not set.
    pub(crate) async fn fetch(
        &mut self,
        owner: &Identity,
        name: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FetchError> {
        if self.fetched >= FETCHES {
            return Err(FetchError::TooMany("an execution fetches at most 32 secrets"));
        }
        self.fetched += 1;
        let opened = self.source.open(owner, name).await;
        opened.map_err(|SecretUnavailable| FetchError::Unavailable)
    }
}
