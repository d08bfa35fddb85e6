//! A cache in front of the runner (RFC 9111), for endpoints that the manifest calls `cacheable`.
//!
//! Every request has a user, so a response is shared only if it is `public`. Keys have the install,
//! its revision and its version, and the state of the changes that this process knows: after an
//! upgrade, a change of the configuration, or a new revocation list, nothing that was stored before
//! is used.

use super::freshness::{Asked, LONGEST, Stored, Use};
use crate::installs::Resolved;
use crate::runner::{Runner, RunnerCall, RunnerFuture, RunnerResponse};
use alga_auth::Caller;
use alga_bundle::{InstallId, RequestId, VersionId};
use alga_errors::Problem;
use alga_execute::{Replayed, RequestBody};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{ETAG, RANGE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use moka::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Maximum bytes of all stored responses.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// Maximum bytes of the body of a stored response.
const BODY_BYTES: usize = 1024 * 1024;
/// Maximum number of stored responses of one URL that differ by the fields that `vary` names.
const VARIANTS: usize = 8;

/// Report of what the cache did with a request (RFC 9211).
#[derive(Debug, Clone)]
pub(crate) struct CacheStatus(pub(crate) HeaderValue);

const HIT: HeaderValue = HeaderValue::from_static("alga; hit");
const STALE: HeaderValue = HeaderValue::from_static("alga; hit; detail=stale-while-revalidate");
const REVALIDATED: HeaderValue = HeaderValue::from_static("alga; hit; detail=revalidated");
const STORED: HeaderValue = HeaderValue::from_static("alga; fwd=miss; stored");
const MISS: HeaderValue = HeaderValue::from_static("alga; fwd=miss");

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    install: InstallId,
    revision: i64,
    version: VersionId,
    generation: u64,
    target: String,
}

type Variants = Vec<Arc<Stored>>;

/// The stored responses.
#[derive(Clone)]
struct Responses(Cache<Key, Arc<Variants>>);

/// Calls another runner for what is not stored.
pub struct CachingRunner {
    inner: Arc<dyn Runner>,
    responses: Responses,
}

/// Everything that a validation needs, also after its client has a stale response.
struct Validation {
    resolved: Arc<Resolved>,
    caller: Arc<Caller>,
    request_id: RequestId,
    timeout_ms: u64,
    key: Key,
    asked: Asked,
}

impl Responses {
    fn new() -> Self {
        let weigh = |key: &Key, variants: &Arc<Variants>| {
            let bytes: usize = variants.iter().map(|stored| stored.bytes()).sum();
            u32::try_from(key.target.len() + bytes).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().weigher(weigh).max_capacity(CACHE_BYTES);
        Self(cache.time_to_live(LONGEST).build())
    }

    fn variants(&self, key: &Key) -> Arc<Variants> {
        self.0.get(key).unwrap_or_default()
    }

    /// Replaces the variant of a request; without a response, it is removed.
    fn replace(&self, key: Key, asked: &Asked, stored: Option<Arc<Stored>>) {
        let present = self.variants(&key);
        let others = present
            .iter()
            .filter(|stored| matches!(stored.use_for(asked), Use::Other));
        let variants: Variants = stored.into_iter().chain(others.cloned()).take(VARIANTS).collect();
        self.0.insert(key, Arc::new(variants));
    }
}

impl CachingRunner {
    /// Creates an empty cache in front of a runner.
    #[must_use]
    pub fn new(inner: Arc<dyn Runner>) -> Self {
        Self {
            inner,
            responses: Responses::new(),
        }
    }

    async fn get(&self, call: RunnerCall<'_>, asked: Asked) -> Result<RunnerResponse, Problem> {
        let key = key_of(&call);
        for stored in self.responses.variants(&key).iter() {
            match stored.use_for(&asked) {
                Use::Other => {}
                Use::Fresh => return Ok(from_stored(stored, &asked, HIT)),
                Use::Stale => {
                    let reply = from_stored(stored, &asked, STALE);
                    self.validate_later(Validation::of(&call, key, asked), stored);
                    return Ok(reply);
                }
                Use::Validate => {
                    let validation = Validation::of(&call, key, asked);
                    return validation.run(&*self.inner, &self.responses, stored).await;
                }
            }
        }
        let reply = self.inner.execute(call).await?;
        store(&self.responses, key, &asked, reply).await
    }

    /// Validates a response in a task of its own, once at a time.
    fn validate_later(&self, validation: Validation, stored: &Arc<Stored>) {
        if stored.is_revalidating.swap(true, Ordering::AcqRel) {
            return;
        }
        let (inner, responses, stored) = (Arc::clone(&self.inner), self.responses.clone(), Arc::clone(stored));
        tokio::spawn(async move {
            if let Err(problem) = validation.run(&*inner, &responses, &stored).await {
                tracing::debug!(
                    code = problem.code().as_str(),
                    "a stale response could not be revalidated"
                );
            }
            stored.is_revalidating.store(false, Ordering::Release);
        });
    }
}

impl Validation {
    fn of(call: &RunnerCall<'_>, key: Key, asked: Asked) -> Self {
        Self {
            resolved: Arc::clone(call.resolved),
            caller: Arc::clone(call.caller),
            request_id: call.request_id.clone(),
            timeout_ms: call.timeout_ms,
            key,
            asked,
        }
    }

    /// Asks the guest whether a response is still valid, and stores what it responds.
    async fn run(self, inner: &dyn Runner, responses: &Responses, stored: &Stored) -> Result<RunnerResponse, Problem> {
        let reply = inner
            .execute(self.call(self.asked.validating(stored.headers.get(ETAG))))
            .await?;
        if reply.response.status() != StatusCode::NOT_MODIFIED {
            // A failure of the guest leaves what is stored.
            if !reply.response.status().is_server_error() {
                responses.replace(self.key.clone(), &self.asked, None);
            }
            return store(responses, self.key, &self.asked, reply).await;
        }
        match stored.validated(&self.asked, reply.response.headers()) {
            Some(validated) => {
                let validated = Arc::new(validated);
                responses.replace(self.key, &self.asked, Some(Arc::clone(&validated)));
                Ok(from_stored(&validated, &self.asked, REVALIDATED))
            }
            // Its fields do not allow storing it any more.
            None => {
                responses.replace(self.key.clone(), &self.asked, None);
                inner.execute(self.call(self.asked.validating(None))).await
            }
        }
    }

    fn call(&self, request: Request<()>) -> RunnerCall<'_> {
        RunnerCall {
            resolved: &self.resolved,
            caller: &self.caller,
            request_id: self.request_id.clone(),
            idempotency_key: None,
            timeout_ms: self.timeout_ms,
            http: request.map(|()| RequestBody::from(Bytes::new())),
            is_cacheable: true,
            started: Instant::now(),
        }
    }
}

fn key_of(call: &RunnerCall<'_>) -> Key {
    let install = &call.resolved.install;
    Key {
        install: install.id.clone(),
        revision: install.revision,
        version: install.version_id.clone(),
        generation: call.resolved.generation,
        target: call.http.uri().to_string(),
    }
}

fn with_status(mut response: Response<Body>, status: HeaderValue) -> Response<Body> {
    response.extensions_mut().insert(CacheStatus(status));
    response
}

/// Returns a stored response, or 304 if the client has it.
fn from_stored(stored: &Stored, asked: &Asked, status: HeaderValue) -> RunnerResponse {
    let is_known = stored.status == StatusCode::OK && asked.has(stored.headers.get(ETAG));
    let mut response = Response::new(if is_known {
        Body::empty()
    } else {
        Body::from(stored.body.clone())
    });
    *response.status_mut() = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        stored.status
    };
    *response.headers_mut() = stored.aged();
    RunnerResponse {
        response: with_status(response, status),
        usage: None,
    }
}

/// Stores a response if that is allowed, and returns it.
async fn store(
    responses: &Responses,
    key: Key,
    asked: &Asked,
    reply: RunnerResponse,
) -> Result<RunnerResponse, Problem> {
    let RunnerResponse { response, usage } = reply;
    // An execution that has ended has written its whole response.
    let length = response
        .body()
        .size_hint()
        .exact()
        .and_then(|bytes| usize::try_from(bytes).ok());
    let is_small = usage.is_some() && length.is_some_and(|bytes| bytes <= BODY_BYTES);
    let is_replayed = response.extensions().get::<Replayed>().is_some();
    if !is_small || is_replayed || response.status() == StatusCode::NOT_MODIFIED {
        let response = with_status(response, MISS);
        return Ok(RunnerResponse { response, usage });
    }
    let (head, body) = response.into_parts();
    let body = to_bytes(body, BODY_BYTES).await.map_err(Problem::internal)?;
    let stored = Stored::of(asked, head.status, &head.headers, body.clone());
    let status = if stored.is_some() { STORED } else { MISS };
    if let Some(stored) = stored {
        responses.replace(key, asked, Some(Arc::new(stored)));
    }
    let response = with_status(Response::from_parts(head, Body::from(body)), status);
    Ok(RunnerResponse { response, usage })
}

impl Runner for CachingRunner {
    fn execute<'a>(&'a self, call: RunnerCall<'a>) -> RunnerFuture<'a> {
        if call.http.method() == Method::GET {
            let is_plain = call.is_cacheable
                && call.idempotency_key.is_none()
                && call.http.body().length() == Some(0)
                && !call.http.headers().contains_key(RANGE);
            return match is_plain.then(|| Asked::of(&call.http)).flatten() {
                Some(asked) => Box::pin(self.get(call, asked)),
                None => self.inner.execute(call),
            };
        }
        let endpoints = &call.resolved.install.manifest.api.endpoints;
        if !endpoints.iter().any(|endpoint| endpoint.cacheable) {
            return self.inner.execute(call);
        }
        Box::pin(async move {
            let key = key_of(&call);
            let changed = self.inner.execute(call).await;
            // A change makes what is stored for its target obsolete (RFC 9111, 4.4), and one that
            // failed may have changed something.
            self.responses.0.invalidate(&key);
            changed
        })
    }
}
