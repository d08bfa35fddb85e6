//! Deduplicates executions by (tenant, install, user, method, path with query, key). The hash of
//! the body must match, too. The user is a part of the key because a response may be for one user
//! only.
//!
//! Concurrent requests of this process wait for one execution; those of other processes wait for
//! the store. Responses of the guest are stored for a day; failures are not, so that a retry can
//! succeed. If a process stops while it executes, the request can be repeated when its lease is
//! over.

use crate::outcome::Outcome;
use alga_bundle::{InstallId, TenantId};
use alga_capabilities::UserKind;
use alga_errors::{Code, Problem, chain};
use bytes::Bytes;
use http::Response;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

/// Time for which a response is cached in this process.
const CACHE_TIME: Duration = Duration::from_secs(10 * 60);
/// Maximum bytes of all responses that this process caches.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Fixed cost of a cached response in bytes, added to its size.
const ENTRY_BYTES: usize = 1024;
/// First pause before the store is asked again whether another process has finished; each is twice
/// the one before.
const FIRST_POLL: Duration = Duration::from_millis(25);
/// Longest such pause.
const LAST_POLL: Duration = Duration::from_secs(1);
/// Time after the deadline of an execution for its response to be stored; also more than the
/// difference between the clocks of two processes.
const STORE_TIME: Duration = Duration::from_secs(60);
/// Pauses before each attempt to store an outcome.
const STORE_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(500)];
/// KiB of the bodies of requests with keys that are in memory at once.
const BODY_KIB: usize = 256 * 1024;

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

impl IdempotencyKey {
    /// Returns the digest of everything but tenant and install, which are columns of their own.
    fn digest(&self) -> [u8; 32] {
        let (kind, user) = match &self.user {
            Some((UserKind::Internal, id)) => ("internal", id.as_str()),
            Some((UserKind::Client, id)) => ("client", id.as_str()),
            None => ("", ""),
        };
        let mut digest = Sha256::new();
        for part in [kind, user, &self.method, &self.path, &self.key] {
            // With its length, so that no two keys have the same bytes.
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        digest.finalize().into()
    }
}

/// One attempt to execute a request with a key.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Tenant of the request.
    pub tenant: TenantId,
    /// Install that the request is for.
    pub install: InstallId,
    /// Digest of user, method, path and key.
    pub key: [u8; 32],
    /// Digest of the body.
    pub body: [u8; 32],
    /// Unique name of the attempt.
    pub owner: String,
}

/// State of a key in the store.
pub enum Claim {
    /// The attempt executes the request.
    Execute,
    /// The request was executed before.
    Replied(Response<Bytes>),
    /// Another process executes the request.
    Running,
    /// The key belongs to a request with another body.
    OtherBody,
    /// The install has as many keys as it can have.
    Full,
}

/// A call of the store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Storage of responses, which all processes share.
pub trait IdempotencyStore: Send + Sync {
    /// Claims a key for an attempt that ends within `lease`.
    fn claim<'a>(&'a self, attempt: &'a Attempt, lease: Duration) -> StoreFuture<'a, Claim>;

    /// Stores the response of an attempt.
    fn complete<'a>(&'a self, attempt: &'a Attempt, response: &'a Response<Bytes>) -> StoreFuture<'a, ()>;

    /// Releases the key of an attempt without a response.
    fn release<'a>(&'a self, attempt: &'a Attempt) -> StoreFuture<'a, ()>;
}

#[derive(Clone)]
struct CachedOutcome {
    body: [u8; 32],
    outcome: Arc<Outcome>,
}

/// The outcome for a key.
pub(crate) struct Once {
    pub(crate) outcome: Arc<Outcome>,
    /// True if another request has executed.
    pub(crate) is_replayed: bool,
}

/// Outcomes by idempotency key.
pub(crate) struct Idempotency {
    outcomes: Cache<IdempotencyKey, CachedOutcome>,
    store: Arc<dyn IdempotencyStore>,
    bodies: Semaphore,
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

/// Reason why there is no outcome to cache.
enum Uncached {
    /// A failure; the first request that waited for it gets it.
    Failed(std::sync::Mutex<Option<Box<Outcome>>>),
    /// The key cannot be used for this request.
    Refused(Code, &'static str),
}

impl Idempotency {
    pub(crate) fn new(store: Arc<dyn IdempotencyStore>) -> Self {
        Self {
            outcomes: Cache::builder()
                .max_capacity(CACHE_BYTES)
                .weigher(|key, cached| u32::try_from(weigh(key, cached)).unwrap_or(u32::MAX))
                .time_to_live(CACHE_TIME)
                .build(),
            store,
            bodies: Semaphore::new(BODY_KIB),
        }
    }

    /// Returns the outcome for a key: a stored one, or that of `execute`, which ends within
    /// `longest`.
    pub(crate) async fn once(
        &self,
        key: IdempotencyKey,
        body: [u8; 32],
        longest: Duration,
        execute: impl Future<Output = Outcome>,
    ) -> Result<Once, Problem> {
        let attempt = Attempt {
            tenant: key.tenant.clone(),
            install: key.install.clone(),
            key: key.digest(),
            body,
            owner: uuid::Uuid::now_v7().to_string(),
        };
        let has_executed = AtomicBool::new(false);
        let execution = async {
            if let Some(outcome) = self.claim(&attempt, longest).await? {
                return Ok(CachedOutcome { body, outcome });
            }
            has_executed.store(true, Ordering::Relaxed);
            let outcome = execute.await;
            self.store(&attempt, &outcome).await;
            if outcome.result.is_ok() {
                let outcome = Arc::new(outcome);
                Ok(CachedOutcome { body, outcome })
            } else {
                Err(Uncached::Failed(std::sync::Mutex::new(Some(Box::new(outcome)))))
            }
        };
        let ended = self.outcomes.try_get_with(key, Box::pin(execution)).await;
        let outcome = match ended {
            Ok(cached) if cached.body == body => Ok(cached.outcome),
            Ok(_) => Err(other_body()),
            Err(uncached) => uncached.outcome(),
        };
        Ok(Once {
            outcome: outcome?,
            is_replayed: !has_executed.load(Ordering::Relaxed),
        })
    }

    /// Returns the stored outcome of a key, waiting for the process that executes, or `None` if
    /// this attempt executes.
    async fn claim(&self, attempt: &Attempt, longest: Duration) -> Result<Option<Arc<Outcome>>, Uncached> {
        let (started, mut pause) = (Instant::now(), FIRST_POLL);
        loop {
            let claim = self.store.claim(attempt, longest + STORE_TIME).await.map_err(|error| {
                tracing::error!(error = %chain(&*error), "idempotency keys cannot be stored");
                Uncached::Refused(Code::Internal, "idempotency keys cannot be stored")
            })?;
            match claim {
                Claim::Execute => return Ok(None),
                Claim::Replied(response) => {
                    return Ok(Some(Arc::new(Outcome {
                        result: Ok(response),
                        usage: crate::Usage::default(),
                    })));
                }
                Claim::Running if started.elapsed() < longest => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LAST_POLL);
                }
                Claim::Running => {
                    let message = "the first request with this key did not finish in time";
                    return Err(Uncached::Refused(Code::DeadlineExceeded, message));
                }
                Claim::OtherBody => return Err(Uncached::Refused(Code::IdempotencyMismatch, OTHER_BODY)),
                Claim::Full => {
                    let message = "this install has as many idempotency keys as it can have; they expire after a day";
                    return Err(Uncached::Refused(Code::RateLimited, message));
                }
            }
        }
    }

    async fn store(&self, attempt: &Attempt, outcome: &Outcome) {
        // If no attempt succeeds, a repetition waits until the lease is over, and executes again.
        for pause in STORE_PAUSES {
            sleep(pause).await;
            let stored = match &outcome.result {
                Ok(response) => self.store.complete(attempt, response).await,
                Err(_) => self.store.release(attempt).await,
            };
            let Err(error) = stored else {
                return;
            };
            tracing::error!(error = %chain(&*error), "the outcome of an idempotency key could not be stored");
        }
    }

    /// Reserves memory for the body of a request with a key, which is read before the execution is
    /// admitted.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Problem> {
        let kib = u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        self.bodies.try_acquire_many(kib).map_err(|_| {
            let message = "too many large requests with idempotency keys";
            Problem::new(Code::Overloaded, message).retry_after_seconds(1)
        })
    }
}

const OTHER_BODY: &str = "this idempotency key was used with another body";

fn other_body() -> Problem {
    Problem::new(Code::IdempotencyMismatch, OTHER_BODY)
}

impl Uncached {
    /// Returns the failure to the first request that waits; the others are asked to retry.
    fn outcome(&self) -> Result<Arc<Outcome>, Problem> {
        match self {
            Self::Failed(failed) => {
                let outcome = failed.lock().ok().and_then(|mut outcome| outcome.take());
                // Not `overloaded`: a gateway must not repeat it without being asked.
                let again = || Problem::new(Code::Conflict, "the same request failed a moment ago");
                outcome.map(Arc::from).ok_or_else(again)
            }
            Self::Refused(code, message) if *code == Code::RateLimited => {
                Err(Problem::new(*code, *message).retry_after_seconds(3600))
            }
            Self::Refused(code, message) => Err(Problem::new(*code, *message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// A store whose first attempts to complete fail.
    struct Failing {
        failures: usize,
        attempts: AtomicUsize,
    }

    impl IdempotencyStore for Failing {
        fn claim<'a>(&'a self, _: &'a Attempt, _: Duration) -> StoreFuture<'a, Claim> {
            Box::pin(async { Ok(Claim::Execute) })
        }

        fn complete<'a>(&'a self, _: &'a Attempt, _: &'a Response<Bytes>) -> StoreFuture<'a, ()> {
            let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
            let is_failure = attempt < self.failures;
            Box::pin(async move { if is_failure { Err("down".into()) } else { Ok(()) } })
        }

        fn release<'a>(&'a self, _: &'a Attempt) -> StoreFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    /// Executes once with a store that fails this often; returns the attempts to store.
    async fn attempts(failures: usize) -> usize {
        let attempts = AtomicUsize::new(0);
        let store = Arc::new(Failing { failures, attempts });
        let idempotency = Idempotency::new(Arc::clone(&store) as _);
        let key = IdempotencyKey {
            tenant: "acme".parse().unwrap(),
            install: "i-1".parse().unwrap(),
            user: None,
            method: "POST".to_owned(),
            path: "/".to_owned(),
            key: "k".to_owned(),
        };
        let outcome = Outcome {
            result: Ok(Response::new(Bytes::new())),
            usage: crate::Usage::default(),
        };
        let once = idempotency.once(key, [0; 32], Duration::from_secs(1), std::future::ready(outcome));
        assert!(
            once.await.is_ok_and(|once| !once.is_replayed),
            "its client has the response"
        );
        store.attempts.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn storing_a_response_is_tried_again_three_times_at_most() {
        assert_eq!((attempts(0).await, attempts(2).await, attempts(9).await), (1, 3, 3));
    }

    #[test]
    fn bodies_of_requests_with_keys_use_a_bounded_memory() {
        let attempts = AtomicUsize::new(0);
        let idempotency = Idempotency::new(Arc::new(Failing { failures: 0, attempts }));
        let half = BODY_KIB * 1024 / 2;
        let held = (idempotency.reserve(half).unwrap(), idempotency.reserve(half).unwrap());
        assert_eq!(idempotency.reserve(0).err().unwrap().code(), Code::Overloaded);
        drop(held);
        assert!(idempotency.reserve(half).is_ok());
    }
}
