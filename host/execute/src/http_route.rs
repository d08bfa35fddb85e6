//! `ANY /v1/http/{path…}`: an execution whose request and response are HTTP itself. The context is
//! in the claims of the service token, and bodies are streamed in both directions.

use crate::Usage;
use crate::execution_request::{ExecutionRequest, Replayed, user_of};
use crate::guest_request::bad_request;
use crate::quota::QuotaFields;
use crate::request_body::RequestBody;
use crate::response_body::{Failed, ResponseBody};
use crate::service::ExecuteService;
use crate::wire::WireError;
use alga_capabilities::Trigger;
use alga_errors::{Code, Problem, cause};
use alga_http::policy::remove_hop_by_hop;
use alga_http::{PassedOn, Reported, bearer, one_field, request_id};
use alga_traces::ParentSpan;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use std::sync::Arc;
use std::time::Instant;

/// Prefix of the routes, which the guest does not see.
const PREFIX: &str = "/v1/http";
/// Resources that the execution used, as JSON; present if it has ended when the response begins.
pub const USAGE: HeaderName = HeaderName::from_static("x-alga-usage");
/// Stable error code; present if the response is not the guest's. The body is then
/// `{code, message, blame, hint?, request_id}`.
pub const ERROR: HeaderName = HeaderName::from_static("x-alga-error");
/// Status of the guest's response; present if the response is the guest's. Without this header and
/// [`ERROR`], a response comes from something that is not a runner, such as a proxy.
pub const GUEST_STATUS: HeaderName = HeaderName::from_static("x-alga-guest-status");
/// Present if another request with the same idempotency key has caused the response.
pub const REPLAYED: HeaderName = HeaderName::from_static("x-alga-replayed");
/// Quota of requests that is closest to being used up, and what is left of it.
pub const QUOTA_POLICY: HeaderName = HeaderName::from_static("x-alga-quota-policy");
/// The second of both.
pub const QUOTA: HeaderName = HeaderName::from_static("x-alga-quota");
/// Present if the gateway has set `traceparent`, which otherwise is the client's.
pub const TRACED: HeaderName = HeaderName::from_static("x-alga-traced");
/// Prefix of the platform's fields, which a guest cannot set.
const PLATFORM_PREFIX: &str = "x-alga-";

/// Handles the route.
pub(crate) async fn execute(State(service): State<Arc<ExecuteService>>, request: Request) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    match respond(&service, request, started).await {
        Ok(response) => passed_on(response),
        Err(failed) => {
            let Failed { problem, usage } = failed;
            tracing::info!(target: "alga::execution", request = %id, code = problem.code().as_str(), cause = cause(&problem), "refused");
            refused(&problem, usage, id.as_str())
        }
    }
}

async fn respond(
    service: &Arc<ExecuteService>,
    request: Request,
    started: Instant,
) -> Result<http::Response<ResponseBody>, Failed> {
    let id = request_id(request.headers());
    let (mut head, body) = request.into_parts();
    let unauthenticated = || Problem::new(Code::Unauthenticated, "a valid service token is required");
    let session = service.authenticate(bearer(&head.headers).ok_or_else(unauthenticated)?)?;
    let no_context = || Problem::new(Code::ContextMismatch, "the service token has no context of a call");
    if head.headers.contains_key(TRACED)
        && let Some(trace) = head.extensions.get::<ParentSpan>()
    {
        trace.trust_remote();
    }
    let context = session.grant.call.as_deref().ok_or_else(no_context)?;
    let idempotency_key = one_field(&head.headers, &HeaderName::from_static("x-idempotency-key"))?;
    let idempotency_key = idempotency_key.map(ToOwned::to_owned);
    // It is larger than the fields that a guest may receive.
    head.headers.remove(AUTHORIZATION);
    head.uri = below_prefix(&head.uri)?;
    let body = RequestBody::receive(&head.headers, body).await?;
    let request = ExecutionRequest {
        request_id: id,
        user: context.user.as_ref().map(user_of),
        config: Arc::clone(&session.config),
        trigger: Trigger::Http,
        timeout_ms: context.timeout_ms,
        memory_mb: context.memory_mb,
        idempotency_key,
        http: Request::from_parts(head, body),
        started,
    };
    service.execute(&session, request).await
}

fn below_prefix(uri: &Uri) -> Result<Uri, Problem> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let below = target.strip_prefix(PREFIX).unwrap_or(target);
    let below = if below.starts_with('/') {
        below.to_owned()
    } else {
        format!("/{below}")
    };
    below
        .parse()
        .map_err(|_| bad_request("the path or the query is not valid"))
}

/// Returns the guest's response without the fields of a connection and of the platform.
fn passed_on(response: http::Response<ResponseBody>) -> Response {
    let usage = response.body().usage();
    let mut response = response.map(Body::new);
    let headers = response.headers_mut();
    remove_hop_by_hop(headers);
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PLATFORM_PREFIX))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    let status = HeaderValue::from(response.status().as_u16());
    response.headers_mut().insert(GUEST_STATUS, status);
    set_usage(&mut response, usage);
    if response.extensions().get::<Replayed>().is_some() {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(QuotaFields { policy, limit }) = response.extensions_mut().remove() {
        let headers = response.headers_mut();
        headers.insert(QUOTA_POLICY, policy);
        headers.insert(QUOTA, limit);
    }
    response.extensions_mut().insert(PassedOn);
    response
}

fn set_usage(response: &mut Response, usage: Option<Usage>) {
    let usage = usage.and_then(|usage| serde_json::to_string(&usage).ok());
    if let Some(value) = usage.and_then(|usage| HeaderValue::from_str(&usage).ok()) {
        response.headers_mut().insert(USAGE, value);
    }
}

fn refused(problem: &Problem, usage: Usage, request_id: &str) -> Response {
    let body: WireError = problem.body(request_id).into();
    // A struct of strings always serializes to JSON.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ERROR, HeaderValue::from_static(problem.code().as_str()));
    if let Some(seconds) = problem.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    set_usage(&mut response, Some(usage));
    response.extensions_mut().insert(Reported(problem.code()));
    response.extensions_mut().insert(PassedOn);
    response
}
