//! A cache in front of the runner (RFC 9111), for endpoints that the manifest calls `cacheable`.
//!
//! Every request has a user, so a response is shared only if it is `public`. Keys have the install,
//! its revision and its version: after an upgrade or a change of the configuration, nothing that
//! was stored before is used.

use crate::installs::Resolved;
use crate::runner::{Runner, RunnerCall, RunnerFuture, RunnerResponse};
use alga_auth::Caller;
use alga_bundle::{InstallId, RequestId, VersionId};
use alga_errors::Problem;
use alga_execute::RequestBody;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, ETAG, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_cache_semantics::{AfterResponse, BeforeRequest, CachePolicy};
use moka::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Maximum bytes of all stored responses.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// Maximum bytes of the body of a stored response.
const BODY_BYTES: u64 = 1024 * 1024;
/// Maximum time for which a response is used, whatever its extension requests.
const LONGEST: Duration = Duration::from_hours(24);
/// Maximum number of stored responses of one URL that differ by the fields that `vary` names.
const VARIANTS: usize = 8;
/// Fixed cost of a stored response in bytes.
const ENTRY_BYTES: usize = 2048;

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
    target: String,
}

/// A stored response.
struct Stored {
    policy: CachePolicy,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    fresh_until: SystemTime,
    stale_while_revalidate: Duration,
    is_revalidating: AtomicBool,
}

impl Stored {
    fn bytes(&self) -> usize {
        // Two header maps, of the request and of the response, are in the policy.
        self.body.len() + ENTRY_BYTES
    }

    fn response(&self, headers: HeaderMap, status: HeaderValue) -> RunnerResponse {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response.extensions_mut().insert(CacheStatus(status));
        RunnerResponse { response, usage: None }
    }
}

/// Calls another runner for what is not stored.
pub struct CachingRunner {
    inner: Arc<dyn Runner>,
    stored: Arc<Cache<Key, Arc<Vec<Arc<Stored>>>>>,
}

/// Everything that a call needs after its client has its response.
struct OwnedCall {
    resolved: Arc<Resolved>,
    caller: Arc<Caller>,
    request_id: RequestId,
    timeout_ms: u64,
    http: Request<()>,
}

impl OwnedCall {
    fn of(call: &RunnerCall<'_>, http: Request<()>) -> Self {
        Self {
            resolved: Arc::clone(call.resolved),
            caller: Arc::clone(call.caller),
            request_id: call.request_id.clone(),
            timeout_ms: call.timeout_ms,
            http,
        }
    }

    fn call(&self) -> RunnerCall<'_> {
        RunnerCall {
            resolved: &self.resolved,
            caller: &self.caller,
            request_id: self.request_id.clone(),
            idempotency_key: None,
            timeout_ms: self.timeout_ms,
            http: self.http.clone().map(|()| RequestBody::from(Bytes::new())),
            is_cacheable: true,
            started: Instant::now(),
        }
    }
}

impl CachingRunner {
    /// Creates an empty cache in front of a runner.
    #[must_use]
    pub fn new(inner: Arc<dyn Runner>) -> Self {
        let weigh = |key: &Key, stored: &Arc<Vec<Arc<Stored>>>| {
            let bytes: usize = stored.iter().map(|stored| stored.bytes()).sum();
            u32::try_from(key.target.len() + bytes).unwrap_or(u32::MAX)
        };
        Self {
            inner,
            stored: Arc::new(
                Cache::builder()
                    .weigher(weigh)
                    .max_capacity(CACHE_BYTES)
                    .time_to_live(LONGEST)
                    .build(),
            ),
        }
    }

    async fn call(&self, call: RunnerCall<'_>) -> Result<RunnerResponse, Problem> {
        let key = key_of(&call);
        if call.http.method() != Method::GET {
            // A change makes what is stored for its target obsolete (RFC 9111, 4.4).
            let changed = self.inner.execute(call).await?;
            self.stored.invalidate(&key);
            return Ok(changed);
        }
        let request = without_body(&call.http);
        let variants = self.stored.get(&key).unwrap_or_default();
        for stored in variants.iter() {
            match stored.policy.before_request(&request, SystemTime::now()) {
                BeforeRequest::Fresh(head) => return Ok(conditional(stored.response(head.headers, HIT), &request)),
                BeforeRequest::Stale { matches: false, .. } => {}
                BeforeRequest::Stale {
                    request: validating, ..
                } => {
                    let validating = Request::from_parts(validating, ());
                    return self.revalidate(call, key, stored, &request, validating).await;
                }
            }
        }
        let reply = self.inner.execute(call).await?;
        store(&self.stored, key, &request, reply).await
    }

    /// Serves a stale response while another request revalidates it, or revalidates it first.
    async fn revalidate(
        &self,
        call: RunnerCall<'_>,
        key: Key,
        stored: &Arc<Stored>,
        request: &Request<()>,
        validating: Request<()>,
    ) -> Result<RunnerResponse, Problem> {
        let now = SystemTime::now();
        let owned = OwnedCall::of(&call, validating);
        let stale = now.duration_since(stored.fresh_until).unwrap_or_default();
        let has_no_cache = request.headers().contains_key(CACHE_CONTROL);
        if stale < stored.stale_while_revalidate && !has_no_cache {
            let mut headers = stored.headers.clone();
            headers.insert(AGE, HeaderValue::from(stored.policy.age(now).as_secs()));
            let reply = stored.response(headers, STALE);
            if !stored.is_revalidating.swap(true, Ordering::AcqRel) {
                let (inner, cache, stored) = (Arc::clone(&self.inner), Arc::clone(&self.stored), Arc::clone(stored));
                tokio::spawn(async move {
                    if let Ok(reply) = inner.execute(owned.call()).await {
                        update(&cache, key, &stored, &owned.http, reply).await.ok();
                    }
                    stored.is_revalidating.store(false, Ordering::Release);
                });
            }
            return Ok(conditional(reply, request));
        }
        let reply = self.inner.execute(owned.call()).await?;
        let updated = update(&self.stored, key, stored, &owned.http, reply).await?;
        Ok(conditional(updated, request))
    }
}

fn key_of(call: &RunnerCall<'_>) -> Key {
    let install = &call.resolved.install;
    Key {
        install: install.id.clone(),
        revision: install.revision,
        version: install.version_id.clone(),
        target: call.http.uri().to_string(),
    }
}

fn without_body<B>(request: &Request<B>) -> Request<()> {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Responds 304 if the client has what is stored (RFC 9110, 13.1.2).
fn conditional(mut reply: RunnerResponse, request: &Request<()>) -> RunnerResponse {
    let headers = reply.response.headers();
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let asked = request.headers().get_all(IF_NONE_MATCH).iter();
    let mut asked = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let is_known = tag.is_some_and(|tag| asked.any(|asked| asked.trim() == "*" || strong(asked) == strong(tag)));
    if is_known && reply.response.status() == StatusCode::OK {
        *reply.response.status_mut() = StatusCode::NOT_MODIFIED;
        *reply.response.body_mut() = Body::empty();
    }
    reply
}

/// Stores a response if that is allowed, and returns it.
async fn store(
    cache: &Cache<Key, Arc<Vec<Arc<Stored>>>>,
    key: Key,
    request: &Request<()>,
    reply: RunnerResponse,
) -> Result<RunnerResponse, Problem> {
    let RunnerResponse { response, usage } = reply;
    let (head, body) = response.into_parts();
    let response = Response::from_parts(head.clone(), ());
    let policy = CachePolicy::new(request, &response);
    // An execution that has ended has written its whole response.
    let is_small = usage.is_some() && body.size_hint().exact().is_some_and(|bytes| bytes <= BODY_BYTES);
    let is_shared = directives(&head.headers).any(|directive| directive == "public");
    let is_useful = !policy.time_to_live(SystemTime::now()).is_zero()
        || head.headers.contains_key(ETAG)
        || stale_while_revalidate(&head.headers).is_some();
    if !is_small || !is_shared || !is_useful || !policy.is_storable() {
        let mut response = Response::from_parts(head, body);
        response.extensions_mut().insert(CacheStatus(MISS));
        return Ok(RunnerResponse { response, usage });
    }
    let body = to_bytes(body, usize::MAX).await.map_err(Problem::internal)?;
    insert(cache, key, request, policy, (head.status, &head.headers), body.clone());
    let mut response = Response::from_parts(head, Body::from(body));
    response.extensions_mut().insert(CacheStatus(STORED));
    Ok(RunnerResponse { response, usage })
}

/// Replaces a stored response by the response to its revalidation.
async fn update(
    cache: &Cache<Key, Arc<Vec<Arc<Stored>>>>,
    key: Key,
    stored: &Stored,
    request: &Request<()>,
    reply: RunnerResponse,
) -> Result<RunnerResponse, Problem> {
    let (head, _) = Response::new(()).into_parts();
    let mut response = Response::from_parts(head, ());
    *response.status_mut() = reply.response.status();
    *response.headers_mut() = reply.response.headers().clone();
    match stored.policy.after_response(request, &response, SystemTime::now()) {
        AfterResponse::NotModified(policy, head) => {
            let head = (stored.status, &head.headers);
            insert(cache, key, request, policy, head, stored.body.clone());
            Ok(stored.response(head.1.clone(), REVALIDATED))
        }
        AfterResponse::Modified(..) => store(cache, key, request, reply).await,
    }
}

fn insert(
    cache: &Cache<Key, Arc<Vec<Arc<Stored>>>>,
    key: Key,
    request: &Request<()>,
    policy: CachePolicy,
    (status, headers): (StatusCode, &HeaderMap),
    body: Bytes,
) {
    let now = SystemTime::now();
    let fresh = policy.time_to_live(now).min(LONGEST);
    let stored = Arc::new(Stored {
        fresh_until: now + fresh,
        policy,
        status,
        headers: headers.clone(),
        body,
        stale_while_revalidate: stale_while_revalidate(headers).unwrap_or_default().min(LONGEST),
        is_revalidating: AtomicBool::new(false),
    });
    let mut variants: Vec<_> = cache.get(&key).map(|variants| variants.to_vec()).unwrap_or_default();
    let is_other = |stored: &Arc<Stored>| {
        let asked = stored.policy.before_request(request, now);
        matches!(asked, BeforeRequest::Stale { matches: false, .. })
    };
    variants.retain(is_other);
    variants.insert(0, stored);
    variants.truncate(VARIANTS);
    cache.insert(key, Arc::new(variants));
}

/// Returns the time for which a stale response may be used while it is revalidated (RFC 5861, 3).
fn stale_while_revalidate(headers: &HeaderMap) -> Option<Duration> {
    let mut directives = directives(headers);
    let seconds = directives.find_map(|directive| directive.strip_prefix("stale-while-revalidate=")?.parse().ok());
    seconds.map(Duration::from_secs)
}

/// Returns the directives of `cache-control` in lower case.
fn directives(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(',').map(|part| part.trim().to_ascii_lowercase()));
    directives.collect::<Vec<_>>().into_iter()
}

impl Runner for CachingRunner {
    fn execute<'a>(&'a self, call: RunnerCall<'a>) -> RunnerFuture<'a> {
        let is_get = call.http.method() == Method::GET;
        let is_cached = if is_get {
            call.is_cacheable && !call.http.headers().contains_key(RANGE)
        } else {
            let endpoints = &call.resolved.install.manifest.api.endpoints;
            endpoints.iter().any(|endpoint| endpoint.cacheable)
        };
        if is_cached {
            Box::pin(self.call(call))
        } else {
            self.inner.execute(call)
        }
    }
}
