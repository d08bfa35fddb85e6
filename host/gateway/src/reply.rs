//! Converts a guest's response to a response for the client.

use crate::rate::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::runner::{CacheStatus, RunnerResponse};
use alga_bundle::Endpoint;
use alga_errors::{Code, Problem};
use alga_execute::{IDEMPOTENCY_REPLAYED, QuotaFields, Replayed, Usage};
use alga_http::PassedOn;
use alga_http::policy::{ClientContext, has_content, response_to_client};
use alga_limits::BODY_BYTES;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use http_body::Body as _;
use std::time::Duration;

/// Reports what the cache did (RFC 9211).
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Converts a guest's response, of which the body may still be written.
pub(crate) async fn to_client(reply: RunnerResponse, endpoint: &Endpoint, client: &Parts) -> Result<Response, Problem> {
    let RunnerResponse { response, usage } = reply;
    let (head, body) = response.into_parts();
    let method = &client.method;
    let context = ClientContext {
        host: client.headers.get(HOST),
        is_cacheable: endpoint.cacheable,
    };
    let mut headers = response_to_client(&head.headers, head.status, context);
    // A document of an extension that a browser opens by itself runs no script of this origin.
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if head.extensions.get::<Replayed>().is_some() {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(CacheStatus(status)) = head.extensions.get() {
        headers.insert(CACHE_STATUS, status.clone());
    }
    if let Some(QuotaFields { policy, limit }) = head.extensions.get() {
        // Lists: those of the gateway's own limits are further members.
        headers.insert(RATE_LIMIT_POLICY, policy.clone());
        headers.insert(RATE_LIMIT, limit.clone());
    }
    if let Some(usage) = usage {
        add_timing(&mut headers, &usage);
    }
    let body = if *method == Method::HEAD || client.version < Version::HTTP_11 {
        // A response to HEAD declares the length that GET would have; hyper does not send the body.
        // HTTP/1.0 ends a body of unknown length by closing the connection, so a client could not
        // distinguish an interrupted response from a complete one.
        Body::from(to_bytes(body, BODY_BYTES).await.map_err(interrupted)?)
    } else if has_content(method, head.status) {
        body
    } else {
        Body::empty()
    };
    // The body knows its length if it is complete, or if the guest has declared one.
    if body.size_hint().exact().is_some() && has_content(&Method::GET, head.status) {
        headers.remove(CONTENT_LENGTH);
    }
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(PassedOn);
    Ok(response)
}

fn interrupted(error: axum::Error) -> Problem {
    Problem::new(Code::InvalidGuestResponse, "the response was interrupted").caused_by(error)
}

/// Adds the platform's timing in front of the guest's own.
fn add_timing(headers: &mut HeaderMap, usage: &Usage) {
    let Ok(value) = HeaderValue::from_str(&server_timing(usage)) else {
        return;
    };
    let guests: Vec<HeaderValue> = headers.get_all(SERVER_TIMING).iter().cloned().collect();
    headers.insert(SERVER_TIMING, value);
    for own in guests {
        headers.append(SERVER_TIMING, own);
    }
}

/// Formats the usage of an execution for browsers and `alga call` (W3C Server Timing): times in
/// milliseconds, and the peak of memory in bytes.
fn server_timing(usage: &Usage) -> String {
    let milliseconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64() * 1000.0;
    let (total, cpu) = (milliseconds(usage.duration_us), milliseconds(usage.cpu_us));
    format!(
        "total;dur={total:.3}, cpu;dur={cpu:.3}, memory;desc=\"{}\"",
        usage.memory_peak_bytes
    )
}
