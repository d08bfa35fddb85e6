//! A [`Problem`] as a response. The edge writes the body, because it alone has the request's id.

use alga_errors::{Code, Problem, cause};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use std::sync::Arc;

/// Error response of a handler. The status is set immediately; [`crate::edge`] adds `retry-after`
/// and the body `{error, message, requestId, hint?}`, and logs the cause.
#[derive(Debug)]
pub struct Refusal(pub Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// Response extension by which the edge recognizes a [`Refusal`].
#[derive(Clone)]
pub(crate) struct Refused(pub(crate) Arc<Problem>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Arc::new(self.0);
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = status(&problem);
        response.extensions_mut().insert(Refused(problem));
        response
    }
}

fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Writes a problem into a response, replacing its body; other header fields (`allow`) stay.
pub(crate) fn write(response: &mut Response, problem: &Problem, request_id: &str) {
    tracing::info!(target: "alga::edge", request = %request_id, code = problem.code().as_str(), cause = cause(problem), "refused");
    // A struct of strings always serializes to JSON.
    let body = serde_json::to_vec(&problem.client_body(request_id)).unwrap_or_default();
    *response.status_mut() = status(problem);
    *response.body_mut() = axum::body::Body::from(Bytes::from(body));
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if problem.code() == Code::Unauthenticated {
        // RFC 9110, 15.5.2.
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = problem.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Returns the problem for an error response that the framework created by itself, with its text.
pub(crate) fn plain_refusal(status: StatusCode, explanation: &str) -> Problem {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => (Code::NotFound, "there is no such route"),
        StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "the route has no such method"),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::PayloadTooLarge, "the body is too large"),
        status if status.is_server_error() => {
            return Problem::internal(explanation.to_owned());
        }
        _ => (Code::BadRequest, "the request is not valid for this route"),
    };
    Problem::new(code, if explanation.is_empty() { message } else { explanation })
}
