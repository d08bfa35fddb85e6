//! Pagination of lists, and entity tags for conditional requests.

use crate::Refusal;
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
use std::fmt::Display;
use std::str::FromStr;

/// Default number of entries of a page.
const PAGE: u32 = 50;
/// Largest number of entries that a client can request.
const LARGEST_PAGE: u32 = 200;
/// Maximum bytes of a tagged response: a full page of installs with their manifests.
const TAGGED_BYTES: usize = 64 * 1024 * 1024;

/// The page that a client requests.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Value of `next` in the previous page.
    pub after: Option<String>,
    /// Number of entries of the page.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(page) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
        Ok(page)
    }
}

impl PageQuery {
    /// Creates the request for a page of a list that has parameters of its own.
    #[must_use]
    pub const fn new(after: Option<String>, limit: Option<u32>) -> Self {
        Self { after, limit }
    }

    /// Returns the number of entries of the page.
    ///
    /// # Errors
    /// Returns `bad_request` if the number is 0 or more than 200.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=LARGEST_PAGE => Ok(limit),
            limit => Err(Problem::new(
                Code::BadRequest,
                format!("limit is 1 to {LARGEST_PAGE}, not {limit}"),
            )),
        }
    }

    /// Parses `after` as an id.
    ///
    /// # Errors
    /// Returns `bad_request` if it is none.
    pub fn id<T: FromStr<Err: Display>>(&self) -> Result<Option<T>, Problem> {
        let parsed = self.after.as_deref().map(str::parse).transpose();
        parsed.map_err(|error: T::Err| Problem::new(Code::BadRequest, format!("after: {error}")))
    }

    /// Returns the `next` of a page with these rows: the id of the last one if the page is full,
    /// because only then can there be more.
    ///
    /// # Errors
    /// Returns `bad_request` like [`Self::limit`].
    pub fn next<Row, Id>(&self, rows: &[Row], id: fn(&Row) -> Id) -> Result<Option<Id>, Problem> {
        let limit = self.limit()?;
        let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        Ok(rows.last().filter(|_| is_full).map(id))
    }
}

/// Adds an entity tag to the response to a GET, and responds 304 if the client already has it
/// (RFC 9110, 13.1.2).
pub async fn etag(request: Request, next: Next) -> Response {
    let is_get = *request.method() == Method::GET;
    // A list may be sent as several fields (RFC 9110, 5.3).
    let known: Vec<HeaderValue> = request.headers().get_all(IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    if !is_get || response.status() != StatusCode::OK {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, TAGGED_BYTES).await else {
        return Refusal(Problem::internal("a response body could not be read")).into_response();
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
