//! Request handlers, in one file for each resource.

mod attestations;
pub(crate) mod audit;
pub(crate) mod console_links;
pub(crate) mod executions;
pub(crate) mod garbage;
pub(crate) mod install_lifecycle;
mod install_lookup;
pub(crate) mod installs;
pub(crate) mod keys;
mod precompile;
pub(crate) mod publish;
pub(crate) mod quarantine;
pub(crate) mod quotas;
pub(crate) mod revocations;
pub(crate) mod secrets;
pub(crate) mod statistics;
pub(crate) mod uploads;
pub(crate) mod version_status;
pub(crate) mod versions;

use crate::error::ApiError;
use alga_bundle::read_json;
use alga_errors::{Code, Problem};
use alga_http::{BODY_TIMEOUT, one_field, read_body};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

/// Maximum bytes of a JSON body: an install with a hundred secrets of 64 KiB, as JSON.
const JSON_BYTES: usize = 16 * 1024 * 1024;

/// A request body that is a JSON object. An array in its place and duplicate keys are refused.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let kind = one_field(&head.headers, &CONTENT_TYPE)?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let message = "the body must be JSON, with the header `content-type: application/json`";
            return Err(Problem::new(Code::BadRequest, message).into());
        }
        let bytes = read_body(&head.headers, body, JSON_BYTES, BODY_TIMEOUT).await?;
        let read = read_json(&bytes);
        let body = read.map_err(|error| Problem::new(Code::BadRequest, format!("the body: {error}")))?;
        Ok(Self(body))
    }
}

pub(crate) fn not_found(what: &str) -> ApiError {
    ApiError(Problem::new(Code::NotFound, format!("there is no {what}")))
}
