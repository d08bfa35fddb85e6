//! Pagination of lists, and entity tags for conditional requests.

use crate::error::ApiError;
use alga_bundle::Digest;
use alga_errors::{Code, Problem};
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Default number of entries of a page.
const PAGE: u32 = 50;
/// Largest number of entries that a client can request.
const LARGEST_PAGE: u32 = 200;
/// Maximum bytes of a tagged response: a full page of installs with their manifests.
const TAGGED_BYTES: usize = 64 * 1024 * 1024;

/// The page that a client requests.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Value of `next` in the previous page.
    pub(crate) after: Option<String>,
    /// Number of entries of the page.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(page) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
        Ok(page)
    }
}

impl PageQuery {
    pub(crate) fn limit(&self) -> Result<u32, ApiError> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=LARGEST_PAGE => Ok(limit),
            limit => Err(Problem::new(Code::BadRequest, format!("limit is 1 to {LARGEST_PAGE}, not {limit}")).into()),
        }
    }

    /// Parses `after` as an id.
    pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Result<Option<T>, ApiError> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|error: T::Err| Problem::new(Code::BadRequest, format!("after: {error}")).into())
    }
}

/// Adds an entity tag to the response to a GET, and responds 304 if the client already has it
/// (RFC 9110, 13.1.2).
pub(crate) async fn etag(request: Request, next: Next) -> Response {
    let is_get = *request.method() == Method::GET;
    // A list may be sent as several fields (RFC 9110, 5.3).
    let known: Vec<HeaderValue> = request.headers().get_all(IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    if !is_get || response.status() != StatusCode::OK {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, TAGGED_BYTES).await else {
        return ApiError(Problem::internal("a response body could not be read")).into_response();
    };
    let tag = format!("\"{}\"", Digest::of(&bytes).to_hex());
    let Ok(tag_value) = HeaderValue::from_str(&tag) else {
        return Response::from_parts(head, Body::from(bytes));
    };
    head.headers.insert(ETAG, tag_value);
    // Only the client itself may cache it, and it must revalidate each time.
    head.headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if known.iter().any(|known| names(known, &tag)) {
        head.status = StatusCode::NOT_MODIFIED;
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(bytes))
}

/// Returns whether `If-None-Match` matches a tag: it is a list of tags, weak or strong, or `*`.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let mut known = known.to_str().unwrap_or_default().split(',').map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
