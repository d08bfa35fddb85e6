//! Lists a page at a time, and answers that a client may keep and ask about again.

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

/// Entries of a page when the client does not say.
const PAGE: u32 = 50;
/// The most entries that a client can ask for.
const LARGEST_PAGE: u32 = 200;
/// Bytes of an answer that gets a tag: a full page of installs with their manifests.
const TAGGED_BYTES: usize = 64 * 1024 * 1024;

/// Which page.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// Entries of the page.
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

    /// `after` as an id.
    pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Result<Option<T>, ApiError> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|error: T::Err| Problem::new(Code::BadRequest, format!("after: {error}")).into())
    }
}

/// Gives a GET's answer an entity tag, and answers 304 to a client that has it already (RFC 9110, 13.1.2).
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
        return ApiError(Problem::internal("an answer could not be read back")).into_response();
    };
    let tag = format!("\"{}\"", Digest::of(&bytes).to_hex());
    let Ok(tag_value) = HeaderValue::from_str(&tag) else {
        return Response::from_parts(head, Body::from(bytes));
    };
    head.headers.insert(ETAG, tag_value);
    // It may be kept by the client alone, and is asked about each time.
    head.headers
        .insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if known.iter().any(|known| names(known, &tag)) {
        head.status = StatusCode::NOT_MODIFIED;
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(bytes))
}

/// Whether `If-None-Match` names a tag: a list, weak or not, or `*`.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let mut known = known.to_str().unwrap_or_default().split(',').map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
