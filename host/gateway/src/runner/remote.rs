//! A runner in another process, called at `/v1/http` with a service token that has the context of
//! the call.

use crate::runner::{Runner, RunnerCall, RunnerFuture, RunnerResponse};
use crate::upstream::{HttpVersion, Upstream, UpstreamError, connector};
use alga_auth::{CallContext, Caller, ServiceGrant, TokenIssuer};
use alga_bundle::InstallId;
use alga_errors::{Code, Problem};
use alga_execute::{
    ERROR, GUEST_STATUS, QUOTA, QUOTA_POLICY, QuotaFields, REPLAYED, Replayed, RequestBody, TRACED, USAGE, WireError,
};
use alga_traces::{ParentSpan, SpanKind, TRACEPARENT};
use axum::body::{Body, to_bytes};
use h2::Reason;
use http::header::{AUTHORIZATION, HOST, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Time for which a service token is reused, by the clock that its verifier reads, too. Shorter
/// than its validity, so that it does not expire in flight.
const TOKEN_USE: SignedDuration = SignedDuration::from_secs(30);
/// Time for which a token is cached by the monotonic clock, whatever the system clock does.
const TOKEN_LIFE: Duration = Duration::from_secs(60);
/// Maximum bytes of all cached tokens.
const TOKEN_BYTES: u64 = 64 * 1024 * 1024;
/// Time after which an unused connection is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Bytes of a response that a runner may send before the client has accepted any.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same for all responses of a connection, so that clients that do not read do not stop others.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024 * 1024;
/// Time after the deadline of an execution for the runner to report it. A runner that reports
/// nothing has stopped, or cannot be reached any more.
const NOTICE: Duration = Duration::from_secs(5);
/// Pauses before a request is sent again.
const RETRY_PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(80)];
/// Interval of HTTP/2 pings, and the time for the runner to respond to one: a runner that has
/// vanished is noticed while it sends a response, too.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the fields of a response: those of a guest (`HEADER_BYTES`), doubled because each also
/// has an overhead (RFC 9113, 6.5.2), and the runner's own.
const HEAD_BYTES: u32 = 80 * 1024;
/// Bytes of an error body that are read.
const ERROR_BYTES: usize = 64 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// Calls runners over the network in turn, with pooled HTTP/2 connections and cached service
/// tokens.
pub struct RemoteRunner {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    runners: Vec<Upstream>,
    next: AtomicUsize,
    issuer: TokenIssuer,
    tokens: Cache<TokenKey, Issued>,
}

/// Everything that a token depends on: the state of an install, the user and the limits of a call.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenKey {
    install: InstallId,
    claims: Arc<str>,
}

/// A token, and the time at which it was issued.
#[derive(Clone)]
struct Issued {
    token: HeaderValue,
    at: Timestamp,
}

impl Issued {
    /// True if the token is recent by the current clock, wherever that was set to since. After a
    /// clock was set back, the token is from the future, and its verifier would refuse it, too.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        age >= SignedDuration::ZERO && age < TOKEN_USE
    }
}

impl RemoteRunner {
    /// Creates a client for the runners at these base URLs, separated by commas. With `https`, a
    /// runner's certificate must be issued by one of `authorities` (DER), or by a public one if
    /// there is none.
    ///
    /// # Errors
    /// Returns [`UpstreamError`] if one of the URLs is not `http[s]://host[:port]`, or if an
    /// authority is not valid.
    pub fn new(base_urls: &str, issuer: TokenIssuer, authorities: &[Vec<u8>]) -> Result<Self, UpstreamError> {
        let runners = base_urls.split(',').map(str::parse);
        let runners = runners.collect::<Result<Vec<Upstream>, _>>()?;
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .timer(TokioTimer::new())
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_max_header_list_size(HEAD_BYTES)
            .build(connector(authorities, HttpVersion::Http2)?);
        let weigh = |key: &TokenKey, issued: &Issued| {
            u32::try_from(2 * key.claims.len() + issued.token.len()).unwrap_or(u32::MAX)
        };
        let tokens = Cache::builder().weigher(weigh).max_capacity(TOKEN_BYTES);
        Ok(Self {
            client,
            runners,
            next: AtomicUsize::new(0),
            issuer,
            tokens: tokens.time_to_live(TOKEN_LIFE).build(),
        })
    }

    /// Calls a runner in a span of its own, which ends when the head of the response is there.
    async fn call(&self, mut call: RunnerCall<'_>) -> Result<RunnerResponse, Problem> {
        let trace = call.http.extensions_mut().remove::<ParentSpan>();
        let mut span = trace.map(|trace| trace.child("alga.runner", SpanKind::Client));
        if let Some(span) = &span {
            let headers = call.http.headers_mut();
            headers.insert(TRACEPARENT, span.place().traceparent());
            headers.insert(TRACED, HeaderValue::from_static("true"));
        }
        let called = self.call_untraced(call).await;
        if let (Some(span), Err(problem)) = (&mut span, &called) {
            span.fail(problem.code().as_str());
        }
        called
    }

    async fn call_untraced(&self, call: RunnerCall<'_>) -> Result<RunnerResponse, Problem> {
        let token = self.token(&call)?;
        let longest = Duration::from_millis(call.timeout_ms) + NOTICE;
        let response = timeout(longest, self.send_repeatedly(call, token)).await;
        let response = response.map_err(|_| silent())??;
        let (head, body) = response.into_parts();
        let mut response = Response::from_parts(head, Body::new(body));
        if response.headers().contains_key(ERROR) {
            return Err(reported(response).await);
        }
        if response.headers_mut().remove(GUEST_STATUS).is_none() {
            let status = response.status();
            return Err(Problem::internal(format!(
                "a response with status {status} is not a runner's"
            )));
        }
        if response.headers_mut().remove(REPLAYED).is_some() {
            response.extensions_mut().insert(Replayed);
        }
        let quota = response.headers_mut().remove(QUOTA_POLICY);
        if let Some((policy, limit)) = quota.zip(response.headers_mut().remove(QUOTA)) {
            response.extensions_mut().insert(QuotaFields { policy, limit });
        }
        let usage = response.headers_mut().remove(USAGE);
        Ok(RunnerResponse {
            usage: usage.and_then(|usage| serde_json::from_slice(usage.as_bytes()).ok()),
            response,
        })
    }

    /// Sends the request, and again after a pause while runners are busy or fail, if that cannot
    /// execute it twice with two effects: its method is idempotent (RFC 9110, 9.2.2), or it has an
    /// idempotency key.
    async fn send_repeatedly(&self, call: RunnerCall<'_>, token: HeaderValue) -> Result<Response<Incoming>, Problem> {
        let may_repeat = call.http.method().is_idempotent() || call.idempotency_key.is_some();
        let (mut head, body) = call.http.into_parts();
        let headers = &mut head.headers;
        headers.remove(HOST);
        headers.insert(AUTHORIZATION, token);
        headers.insert(REQUEST_ID, value(call.request_id.as_str())?);
        if let Some(key) = call.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, value(key)?);
        }
        let mut body = Some(body);
        for pause in RETRY_PAUSES {
            let Some(copy) = body.as_ref().filter(|_| may_repeat).and_then(RequestBody::copy) else {
                break;
            };
            match self.send(&head, copy).await {
                Ok(response) if !is_busy(&response) => return Ok(response),
                Err(problem) if problem.code() == Code::InvalidGuestResponse => return Err(problem),
                Ok(_) | Err(_) => sleep(jittered(pause)).await,
            }
        }
        self.send(&head, body.take().ok_or_else(unreachable)?).await
    }

    /// Sends the request to the next runner. One that cannot be connected to has received nothing,
    /// so the runner after it gets the request, if its body can be sent again.
    async fn send(&self, head: &Parts, body: RequestBody) -> Result<Response<Incoming>, Problem> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut runners = self.runners.iter().cycle().skip(first % self.runners.len().max(1));
        let mut body = Some(body);
        for is_last in (1..=self.runners.len()).map(|attempt| attempt == self.runners.len()) {
            let (Some(runner), Some(sent)) = (runners.next(), body.take()) else {
                break;
            };
            body = sent.copy();
            let progress = sent.progress();
            match self.client.request(request(head, runner, sent)?).await {
                // The runner refused it before it began.
                Ok(response) if is_draining(&response) && !is_last && body.is_some() => {}
                Ok(response) => return Ok(response),
                Err(error) if error.is_connect() && !is_last && body.is_some() => {
                    tracing::warn!(runner = %runner.authority, %error, "a runner cannot be reached; trying the next one");
                }
                Err(error) if error.is_connect() => return Err(unreachable().caused_by(error)),
                Err(error) => return Err(progress.failure().unwrap_or_else(|| failed(error))),
            }
        }
        Err(unreachable())
    }

    /// Returns a token for exactly the present state of this install and this call.
    fn token(&self, call: &RunnerCall<'_>) -> Result<HeaderValue, Problem> {
        let grant = ServiceGrant {
            call: Some(Box::new(CallContext {
                user: Some(Caller::clone(call.caller)),
                config: call.resolved.install.config.clone(),
                timeout_ms: Some(call.timeout_ms),
                memory_mb: call.resolved.memory_mb(),
            })),
            ..call.resolved.grant()
        };
        let claims = serde_json::to_string(&grant).map_err(Problem::internal)?;
        let key = TokenKey {
            install: grant.install_id.clone(),
            claims: claims.into(),
        };
        let now = Timestamp::now();
        if let Some(issued) = self.tokens.get(&key).filter(|issued| issued.is_fresh(now)) {
            return Ok(issued.token);
        }
        let token = self
            .issuer
            .issue(&grant, ServiceGrant::LONGEST)
            .map_err(Problem::internal)?;
        if token.len() > ServiceGrant::BYTES {
            return Err(Problem::internal(
                "the configuration of the install does not fit a service token",
            ));
        }
        let token = value(&format!("Bearer {token}"))?;
        let issued = Issued {
            token: token.clone(),
            at: now,
        };
        self.tokens.insert(key, issued);
        Ok(token)
    }
}

/// True if a runner refused a request for lack of capacity, or because it cannot read bundles.
fn is_busy(response: &Response<Incoming>) -> bool {
    response.status() == StatusCode::SERVICE_UNAVAILABLE && response.headers().contains_key(ERROR)
}

/// Returns between half of a pause and all of it, so that requests that failed together are not
/// repeated together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(fastrand::f64().mul_add(0.5, 0.5))
}

fn is_draining(response: &Response<Incoming>) -> bool {
    let code = response.headers().get(ERROR);
    code.is_some_and(|code| code.as_bytes() == Code::Draining.as_str().as_bytes())
}

/// Builds a request for a runner.
fn request(head: &Parts, runner: &Upstream, body: RequestBody) -> Result<Request<Body>, Problem> {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::new(body.into_body());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = runner.uri(&format!("/v1/http{target}"))?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = head.headers.clone();
    Ok(request)
}

fn unreachable() -> Problem {
    Problem::new(Code::Overloaded, "no runner can be reached").retry_after_seconds(1)
}

/// Returns the problem of a request that a runner received: the extension may have been executed.
/// A runner resets the stream of a response that its guest interrupts, and HTTP/2 then discards a
/// head that waits to be sent.
fn failed(error: hyper_util::client::legacy::Error) -> Problem {
    let mut sources = successors(error.source(), |&error| error.source());
    let is_interrupted = sources
        .find_map(|source| source.downcast_ref::<h2::Error>())
        .is_some_and(|error| error.is_reset() && error.is_remote() && error.reason() == Some(Reason::INTERNAL_ERROR));
    if is_interrupted {
        Problem::new(Code::InvalidGuestResponse, "the response was interrupted").caused_by(error)
    } else {
        Problem::internal(error)
    }
}

fn silent() -> Problem {
    Problem::internal("the runner did not respond after the deadline of the execution")
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(Problem::internal)
}

/// Returns the problem that a runner reported, with its `retry-after`.
async fn reported(response: Response<Body>) -> Problem {
    let (head, body) = response.into_parts();
    let read = to_bytes(body, ERROR_BYTES).await.unwrap_or_default();
    let Ok(error) = serde_json::from_slice::<WireError>(&read) else {
        return Problem::internal("the runner reported an error in an unknown form");
    };
    let code = Code::ALL.iter().find(|code| code.as_str() == error.code).copied();
    let problem = Problem::new(code.unwrap_or(Code::Internal), error.message);
    let problem = match retry_after(&head.headers, head.status) {
        Some(seconds) => problem.retry_after_seconds(seconds),
        None => problem,
    };
    match error.hint {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

fn retry_after(headers: &HeaderMap, status: StatusCode) -> Option<u32> {
    let reported = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let is_temporary = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
    reported.or(is_temporary.then_some(1))
}

impl Runner for RemoteRunner {
    fn execute<'a>(&'a self, call: RunnerCall<'a>) -> RunnerFuture<'a> {
        Box::pin(self.call(call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_token_is_stale_after_a_clock_step_in_either_direction() {
        let at = Timestamp::now();
        let token = HeaderValue::from_static("t");
        let issued = Issued { token, at };
        let fresh = |seconds| issued.is_fresh(at + SignedDuration::from_secs(seconds));
        assert!(fresh(0) && fresh(29));
        assert!(!fresh(30) && !fresh(120) && !fresh(-1) && !fresh(-86_400));
    }
}
