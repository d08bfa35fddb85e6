use alga_bundle::RequestId;
use alga_errors::{Code, Problem, chain};
use alga_store::StoreError;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Bytes of the framework's own explanations.
const EXPLANATION_BYTES: usize = 4 * 1024;

/// A [`Problem`] on its way to the client. Logged here, once, with its cause.
pub(crate) struct Failure(pub(crate) Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let problem = match error {
            StoreError::VersionTaken { .. } => {
                Problem::new(Code::Conflict, message).with_hint("publish the change under a new version")
            }
            StoreError::BeingCollected | StoreError::Abandoned => {
                Problem::new(Code::BundleUnavailable, message).retry_after_seconds(5)
            }
            StoreError::Objects(error) => Problem::new(Code::BundleUnavailable, "the store of bundles does not answer")
                .retry_after_seconds(5)
                .caused_by(error),
            StoreError::Changed => Problem::new(Code::Conflict, message),
            StoreError::NameTaken { .. } => Problem::new(Code::Forbidden, message),
            other => Problem::internal(other),
        };
        Self(problem)
    }
}

/// What the framework refuses by itself, in plain words, becomes a problem like every other.
pub(crate) async fn problems_only(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_plain = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind != "application/json");
    if !is_plain || !response.status().is_client_error() {
        return response;
    }
    let code = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        _ => Code::BadRequest,
    };
    let text = to_bytes(response.into_body(), EXPLANATION_BYTES)
        .await
        .unwrap_or_default();
    Failure(Problem::new(code, String::from_utf8_lossy(&text).into_owned())).into_response()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let request_id = RequestId::unique().to_string();
        let problem = self.0;
        tracing::info!(target: "alga::registry", request = %request_id, code = problem.code().as_str(), cause = %chain(&problem), "refused");
        let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem.client_body(&request_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        if let Some(seconds) = problem.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
