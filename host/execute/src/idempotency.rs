//! Deduplicates executions by (tenant, install, user, method, path with query, key). The hash of
//! the body must match, too. The user is a part of the key because a response may be for one user
//! only.
//!
//! Outcomes are cached in this process, bounded in bytes and time. Responses of the guest are
//! cached; failures are not, so that a retry can succeed.

use crate::outcome::Outcome;
use alga_bundle::{InstallId, TenantId};
use alga_capabilities::UserKind;
use alga_errors::{Code, Problem};
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// Time for which a response is cached.
const CACHE_TIME: Duration = Duration::from_secs(10 * 60);
/// Maximum bytes of all cached responses.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Fixed cost of a cached response in bytes, added to its size.
const ENTRY_BYTES: usize = 1024;

/// Identifies an execution that is deduplicated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IdempotencyKey {
    pub(crate) tenant: TenantId,
    pub(crate) install: InstallId,
    pub(crate) user: Option<(UserKind, String)>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) key: String,
}

#[derive(Clone)]
struct CachedOutcome {
    body: [u8; 32],
    outcome: Arc<Outcome>,
}

/// Cache of outcomes by idempotency key.
pub(crate) struct Idempotency {
    outcomes: Cache<IdempotencyKey, CachedOutcome>,
}

/// Returns the hash by which bodies are compared.
pub(crate) fn body_digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// Returns the bytes that a cached response and its key use.
fn weigh(key: &IdempotencyKey, cached: &CachedOutcome) -> usize {
    let response_bytes = cached.outcome.result.as_ref().map_or(0, |response| {
        let headers = response.headers().iter();
        let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
        headers + response.body().len()
    });
    key.method.len() + key.path.len() + key.key.len() + response_bytes + ENTRY_BYTES
}

/// An outcome that is not cached; the first request that waited for it gets it.
struct UncachedOutcome(std::sync::Mutex<Option<Outcome>>);

impl Idempotency {
    pub(crate) fn new() -> Self {
        Self {
            outcomes: Cache::builder()
                .max_capacity(CACHE_BYTES)
                .weigher(|key, cached| u32::try_from(weigh(key, cached)).unwrap_or(u32::MAX))
                .time_to_live(CACHE_TIME)
                .build(),
        }
    }

    /// Returns the outcome for a key: the cached one, or that of `execute`.
    pub(crate) async fn once(
        &self,
        key: IdempotencyKey,
        body: [u8; 32],
        execute: impl Future<Output = Outcome>,
    ) -> Result<Arc<Outcome>, Problem> {
        let execution = async {
            let outcome = execute.await;
            if outcome.result.is_ok() {
                Ok(CachedOutcome {
                    body,
                    outcome: Arc::new(outcome),
                })
            } else {
                Err(UncachedOutcome(std::sync::Mutex::new(Some(outcome))))
            }
        };
        match self.outcomes.try_get_with(key, Box::pin(execution)).await {
            Ok(cached) if cached.body == body => Ok(cached.outcome),
            Ok(_) => Err(Problem::new(
                Code::IdempotencyMismatch,
                "this idempotency key was used with another body",
            )),
            // The first request that waits gets the failure itself; the others are asked to retry.
            Err(uncached) => {
                let outcome = uncached.0.lock().ok().and_then(|mut outcome| outcome.take());
                let again =
                    || Problem::new(Code::Overloaded, "the same request failed a moment ago").retry_after_seconds(1);
                outcome.map(Arc::new).ok_or_else(again)
            }
        }
    }
}
