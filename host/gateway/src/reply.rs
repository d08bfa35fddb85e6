//! Converts the runner's reply to a response for the client.

use alga_bundle::Endpoint;
use alga_errors::{Code, Problem};
use alga_execute::{Usage, WireError, WireReply, read_wire_headers};
use alga_http::PassedOn;
use alga_http::policy::{ClientContext, has_content, response_to_client};
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::time::Duration;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Converts the guest's response, or returns the problem that the runner reported, with its
/// `retry-after`.
pub(crate) fn to_client(
    status: StatusCode,
    retry_after: Option<u32>,
    reply: &Bytes,
    endpoint: &Endpoint,
    method: &Method,
    host: Option<&HeaderValue>,
) -> Result<Response, Problem> {
    let reply: WireReply<'_> = serde_json::from_slice(reply).map_err(Problem::internal)?;
    if let Some(error) = reply.error {
        return Err(problem(error, status, retry_after));
    }
    let status = StatusCode::from_u16(reply.status).map_err(Problem::internal)?;
    let body = reply.body_b64.as_deref().map(|body| STANDARD.decode(body)).transpose();
    let body = body.map_err(Problem::internal)?.unwrap_or_default();
    let guest = read_wire_headers(&reply.headers, &reply.headers_b64).map_err(Problem::internal)?;
    let context = ClientContext {
        host,
        is_cacheable: endpoint.cacheable,
    };
    // A response to HEAD declares the length that GET would have; hyper does not send the body.
    let body = if has_content(&Method::GET, status) || *method == Method::HEAD {
        body
    } else {
        Vec::new()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = response_to_client(&guest, status, context);
    if let Ok(value) = HeaderValue::from_str(&server_timing(&reply.usage)) {
        let guests: Vec<HeaderValue> = response.headers().get_all(SERVER_TIMING).iter().cloned().collect();
        response.headers_mut().insert(SERVER_TIMING, value);
        for own in guests {
            response.headers_mut().append(SERVER_TIMING, own);
        }
    }
    response.extensions_mut().insert(PassedOn);
    Ok(response)
}

fn problem(error: WireError, status: StatusCode, retry_after: Option<u32>) -> Problem {
    let code = Code::ALL.iter().find(|code| code.as_str() == error.code).copied();
    let problem = Problem::new(code.unwrap_or(Code::Internal), error.message);
    let is_temporary = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
    let problem = match retry_after {
        Some(seconds) => problem.retry_after_seconds(seconds),
        None if is_temporary => problem.retry_after_seconds(1),
        None => problem,
    };
    match error.hint {
        Some(hint) => problem.with_hint(hint),
        None => problem,
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
