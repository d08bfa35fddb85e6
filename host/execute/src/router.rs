//! HTTP routes of the execute service.

use crate::Usage;
use crate::admit::{CallerHeaders, permit, wire_request};
use crate::guest_request::bad_request;
use crate::http_route;
use crate::idempotency::Once;
use crate::limits::WIRE_BYTES;
use crate::run::Order;
use crate::service::ExecuteService;
use crate::warm_up::warm_up;
use crate::wire::{WireReply, wire_headers};
use alga_bundle::{RequestId, StrictObject, check_json};
use alga_errors::{Code, Problem, cause};
use alga_http::{BODY_TIMEOUT, Refusal, Reported, bearer, one_field, read_body};
use alga_traces::ParentSpan;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, http::StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Value of `cache-control`: no response may be cached.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Header of a response that another request with the same idempotency key has caused.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Initial capacity of a reply's buffer without the body: a buffer that grows is copied several
/// times.
const REPLY_BYTES: usize = 1024;

/// Builds the runner's routes.
pub fn router(service: Arc<ExecuteService>) -> Router {
    Router::new()
        .route("/v1/execute", post(execute))
        .route("/v1/http", any(http_route::execute))
        .route("/v1/http/", any(http_route::execute))
        .route("/v1/http/{*path}", any(http_route::execute))
        .route("/v1/warmup", post(warm_up))
        .route("/healthz", get(|| async { ([(CACHE_CONTROL, NO_STORE)], "ok\n") }))
        .route("/readyz", get(readyz))
        .with_state(service)
}

/// Builds the health routes of a process without a runner, which is ready until it drains.
pub fn health(is_draining: Arc<AtomicBool>) -> Router {
    let ready = move || async move { readiness(!is_draining.load(Ordering::Relaxed)) };
    Router::new()
        .route("/healthz", get(|| async { ([(CACHE_CONTROL, NO_STORE)], "ok\n") }))
        .route("/readyz", get(ready))
}

async fn readyz(State(service): State<Arc<ExecuteService>>) -> Response {
    readiness(service.is_ready())
}

fn readiness(is_ready: bool) -> Response {
    if is_ready {
        ([(CACHE_CONTROL, NO_STORE)], "ready\n").into_response()
    } else {
        Refusal(Problem::new(Code::Draining, "this process is not ready").retry_after_seconds(1)).into_response()
    }
}

async fn execute(State(service): State<Arc<ExecuteService>>, request: Request) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut request_id = header(&head.headers, "x-request-id")
        .ok()
        .flatten()
        .and_then(|text| text.parse().ok());
    let done = read_and_execute(&service, &head, body, &mut request_id, started).await;
    let request_id = request_id.unwrap_or_else(RequestId::unique);
    match &done {
        Ok(Once { outcome, is_replayed }) => match &outcome.result {
            Ok(response) => {
                let mut response = executed(response, outcome.usage, &request_id);
                if *is_replayed {
                    response
                        .headers_mut()
                        .insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
                }
                response
            }
            Err(problem) => refused(problem, outcome.usage, &request_id),
        },
        Err(problem) => {
            tracing::info!(target: "alga::execution", request = %request_id, code = problem.code().as_str(), cause = cause(problem), "refused");
            refused(problem, Usage::default(), &request_id)
        }
    }
}

/// Reads the request and executes it. Sets `request_id` to the id that is used from then on.
async fn read_and_execute(
    service: &Arc<ExecuteService>,
    head: &Parts,
    body: Body,
    request_id: &mut Option<RequestId>,
    started: Instant,
) -> Result<Once, Problem> {
    let headers = &head.headers;
    let unauthenticated = || Problem::new(Code::Unauthenticated, "a valid service token is required");
    let session = service.authenticate(bearer(headers).ok_or_else(unauthenticated)?)?;
    if session.grant.call.is_some() {
        let message = "the service token has the context of a call, which is for /v1/http";
        return Err(Problem::new(Code::ContextMismatch, message));
    }
    let trace = head.extensions.get::<ParentSpan>();
    // Its sender is another process of the platform.
    trace.into_iter().for_each(ParentSpan::trust_remote);
    let bytes = read_body(headers, body, WIRE_BYTES, BODY_TIMEOUT).await?;
    check_json(&bytes).map_err(|error| bad_request(format!("the body: {error}")))?;
    let StrictObject(wire): StrictObject<crate::WireRequest<'_>> =
        serde_json::from_slice(&bytes).map_err(|error| bad_request(format!("the body: {error}")))?;
    let chosen = wire.context.request_id.as_deref().and_then(|text| text.parse().ok());
    let id = chosen.or_else(|| request_id.clone()).unwrap_or_else(RequestId::unique);
    *request_id = Some(id.clone());
    let required = |name: &'static str| {
        header(headers, name)?.ok_or_else(|| bad_request(format!("the header {name} is required")))
    };
    let caller = CallerHeaders {
        tenant: required("x-alga-tenant")?,
        extension: required("x-alga-extension")?,
    };
    let permit = permit(&wire, &caller, &session, id, started, service.defaults())?;
    let order = Box::new(Order {
        request: wire_request(&wire.http, &permit.identity)?,
        session,
        permit,
        started,
        trace: trace.cloned(),
    });
    match header(headers, "x-idempotency-key")? {
        Some(key) => Box::pin(service.run_once(key, order)).await,
        None => Ok(Once {
            outcome: Arc::new(service.run(order).await),
            is_replayed: false,
        }),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    one_field(headers, &HeaderName::from_static(name))
}

fn executed(response: &http::Response<Bytes>, usage: Usage, request_id: &RequestId) -> Response {
    let fields = response.headers().iter();
    let (headers, headers_b64) = wire_headers(fields.map(|(name, value)| (name.as_str(), value.as_bytes())));
    let reply = WireReply {
        status: response.status().as_u16(),
        headers,
        headers_b64,
        body_b64: (!response.body().is_empty()).then(|| Cow::Owned(STANDARD.encode(response.body()))),
        error: None,
        usage,
        request_id: Cow::Borrowed(request_id.as_str()),
    };
    json(StatusCode::OK, &reply, reply.body_b64.as_deref().map_or(0, str::len))
}

fn refused(problem: &Problem, usage: Usage, request_id: &RequestId) -> Response {
    let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = WireReply {
        status: status.as_u16(),
        headers: Vec::new(),
        headers_b64: Vec::new(),
        body_b64: None,
        error: Some(problem.body(request_id.as_str()).into()),
        usage,
        request_id: Cow::Borrowed(request_id.as_str()),
    };
    let mut response = json(status, &reply, 0);
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(Reported(problem.code()));
    response
}

fn json(status: StatusCode, reply: &WireReply<'_>, body_bytes: usize) -> Response {
    let mut bytes = Vec::with_capacity(REPLY_BYTES + body_bytes);
    // Serializing a struct of strings and numbers cannot fail.
    serde_json::to_writer(&mut bytes, reply).ok();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
