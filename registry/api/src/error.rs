use alga_errors::{Code, Problem};
use alga_http::Refusal;
use alga_store::StoreError;
use axum::response::{IntoResponse, Response};

/// A handler's error, as a [`Problem`]. The edge logs it once, with its cause.
pub(crate) struct ApiError(pub(crate) Problem);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let problem = match error {
            StoreError::VersionExists { .. } => {
                Problem::new(Code::Conflict, message).with_hint("publish the change under a new version")
            }
            StoreError::BeingCollected | StoreError::Abandoned => {
                Problem::new(Code::BundleUnavailable, message).retry_after_seconds(5)
            }
            StoreError::Objects(error) => Problem::new(Code::BundleUnavailable, "bundle storage is unavailable")
                .retry_after_seconds(5)
                .caused_by(error),
            StoreError::TooManyKeys => {
                Problem::new(Code::Conflict, message).with_hint("keys are deleted 90 days after they became invalid")
            }
            StoreError::Changed => Problem::new(Code::Conflict, message),
            StoreError::NameInUse { .. } | StoreError::Held => Problem::new(Code::Forbidden, message),
            other => Problem::internal(other),
        };
        Self(problem)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        Refusal(self.0).into_response()
    }
}
