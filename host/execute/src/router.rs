//! HTTP in front of the service.

use crate::admit::{CallerHeaders, bad_request};
use crate::limits::{BODY_TIMEOUT, WIRE_BYTES};
use crate::service::{ExecuteService, Incoming, Outcome};
use crate::wire::{OneOrMany, WireReply};
use crate::{GuestResponse, Usage};
use alga_bundle::RequestId;
use alga_errors::{Code, Problem, chain};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Nothing here may be kept by a cache.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The runner's routes.
pub fn router(service: Arc<ExecuteService>) -> Router {
    Router::new()
        .route("/v1/execute", post(execute))
        .route("/healthz", get(|| async { ([(CACHE_CONTROL, NO_STORE)], "ok\n") }))
        .route("/readyz", get(readyz))
        .with_state(service)
}

async fn readyz(State(service): State<Arc<ExecuteService>>) -> Response {
    if service.is_ready() {
        ([(CACHE_CONTROL, NO_STORE)], "ready\n").into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [(CACHE_CONTROL, NO_STORE)],
            "not ready\n",
        )
            .into_response()
    }
}

async fn execute(State(service): State<Arc<ExecuteService>>, request: Request) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut request_id = header(&head.headers, "x-request-id").and_then(|text| text.parse().ok());
    let done = answer(&service, &head.headers, body, &mut request_id, started).await;
    let request_id = request_id.unwrap_or_else(RequestId::unique);
    match &done {
        Ok(outcome) => match &outcome.result {
            Ok(response) => answered(response, outcome.usage, &request_id),
            Err(problem) => refused(problem, outcome.usage, &request_id),
        },
        Err(problem) => {
            tracing::info!(target: "alga::execution", request = %request_id, code = problem.code().as_str(), cause = %chain(problem), "refused");
            refused(problem, Usage::default(), &request_id)
        }
    }
}

/// Reads the request and executes it. `request_id` becomes the one that is used from then on.
async fn answer(
    service: &Arc<ExecuteService>,
    headers: &HeaderMap,
    body: Body,
    request_id: &mut Option<RequestId>,
    started: Instant,
) -> Result<Arc<Outcome>, Problem> {
    let unauthenticated = || Problem::new(Code::Unauthenticated, "a valid service token is required");
    let session = service.authenticate(bearer(headers).ok_or_else(unauthenticated)?)?;
    let bytes = read_body(body, BODY_TIMEOUT).await?;
    let wire: crate::WireRequest<'_> =
        serde_json::from_slice(&bytes).map_err(|error| bad_request(format!("the body: {error}")))?;
    let chosen = wire.context.request_id.as_deref().and_then(|text| text.parse().ok());
    let id = chosen.or_else(|| request_id.clone()).unwrap_or_else(RequestId::unique);
    *request_id = Some(id.clone());
    let required =
        |name: &'static str| header(headers, name).ok_or_else(|| bad_request(format!("the header {name} is required")));
    let incoming = Incoming {
        session,
        headers: CallerHeaders {
            tenant: required("x-alga-tenant")?,
            extension: required("x-alga-extension")?,
        },
        idempotency_key: idempotency_key(headers)?,
        wire,
        request_id: id,
        started,
    };
    service.execute(incoming).await
}

/// One that is there must be one that can be kept: nobody may believe to be protected who is not.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let key = header(headers, "x-idempotency-key");
    if key.is_none() && headers.contains_key("x-idempotency-key") {
        return Err(bad_request("x-idempotency-key is text, and there once"));
    }
    Ok(key)
}

async fn read_body(body: Body, longest: Duration) -> Result<Bytes, Problem> {
    let arrived = timeout(longest, to_bytes(body, WIRE_BYTES)).await;
    let arrived = arrived.map_err(|_| bad_request("the body did not arrive in time"))?;
    let too_large = |_| {
        Problem::new(
            Code::PayloadTooLarge,
            format!("the request has more than {WIRE_BYTES} bytes, or broke off"),
        )
    };
    arrived.map_err(too_large)
}

/// A header that is there exactly once.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    header(headers, AUTHORIZATION.as_str())?.strip_prefix("Bearer ")
}

fn answered(response: &GuestResponse, usage: Usage, request_id: &RequestId) -> Response {
    let reply = WireReply {
        status: response.status,
        headers: wire_headers(&response.headers),
        body_b64: (!response.body.is_empty()).then(|| Cow::Owned(STANDARD.encode(&response.body))),
        error: None,
        usage,
        request_id: Cow::Borrowed(request_id.as_str()),
    };
    json(StatusCode::OK, &reply)
}

fn refused(problem: &Problem, usage: Usage, request_id: &RequestId) -> Response {
    let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = WireReply {
        status: status.as_u16(),
        headers: Vec::new(),
        body_b64: None,
        error: Some(problem.body(request_id.as_str()).into()),
        usage,
        request_id: Cow::Borrowed(request_id.as_str()),
    };
    let mut response = json(status, &reply);
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn json(status: StatusCode, reply: &WireReply<'_>) -> Response {
    // A struct of texts and numbers always has a JSON form.
    let bytes = serde_json::to_vec(reply).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// The guest's headers; values have been checked to be text.
fn wire_headers(headers: &HeaderMap) -> Vec<(Cow<'_, str>, OneOrMany<'_>)> {
    let text = |value: &'_ HeaderValue| -> Option<Cow<'static, str>> {
        value.to_str().ok().map(|text| Cow::Owned(text.to_owned()))
    };
    headers
        .keys()
        .map(|name| {
            let mut values: Vec<_> = headers.get_all(name).iter().filter_map(text).collect();
            let value = match (values.len(), values.pop()) {
                (1, Some(only)) => OneOrMany::One(only),
                (_, Some(last)) => {
                    values.push(last);
                    OneOrMany::Many(values)
                }
                (_, None) => OneOrMany::Many(values),
            };
            (Cow::Borrowed(name.as_str()), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_given_up() {
        let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let problem = read_body(Body::from_stream(never), Duration::from_millis(1))
            .await
            .unwrap_err();
        assert_eq!(problem.code(), Code::BadRequest);
        assert!(problem.to_string().contains("in time"), "{problem}");
    }
}
