//! Cross-origin requests of browsers (WHATWG Fetch, 3.2), for origins that the operator lists. A
//! credential is a bearer token that scripts send, never a cookie, so no response allows
//! credentials.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Seconds for which a browser caches the response to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// Header fields of responses that scripts may read, beside those that they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, location, retry-after, ratelimit, ratelimit-policy, idempotency-replayed, server-timing, x-request-id",
);
const VARIES: HeaderValue = HeaderValue::from_static("origin");

/// Origins whose scripts may send requests and read responses.
#[derive(Debug, Clone, Default)]
pub struct CorsOrigins(BTreeSet<String>);

/// Error of a text that lists no origins.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an origin, such as https://app.example.com; a wildcard would let every website send requests")]
pub struct InvalidOrigin(String);

impl FromStr for CorsOrigins {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let checked = origins.map(|origin| match is_origin(origin) {
            true => Ok(origin.to_owned()),
            false => Err(InvalidOrigin(origin.escape_default().to_string())),
        });
        checked.collect::<Result<_, _>>().map(Self)
    }
}

/// True for the serialization of an origin (RFC 6454, 6.2), which browsers send.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let has_scheme = matches!(uri.scheme_str(), Some("https" | "http"));
    let has_path = !text.ends_with('/') && uri.path_and_query().map_or("", PathAndQuery::as_str) == "/";
    has_scheme
        && has_path
        && uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains(['@', '*']))
}

impl CorsOrigins {
    /// Returns the origin of a request, if it is listed.
    fn of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut values = headers.get_all(ORIGIN).iter();
        let origin = values.next().filter(|_| values.next().is_none())?;
        self.0.contains(origin.to_str().ok()?).then_some(origin)
    }

    /// Returns the response to a preflight of a listed origin, without the fields of
    /// [`Self::fields`]. Browsers send preflights without a
    /// credential, so that this is before the authentication.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Response> {
        let is_preflight = head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        self.of(&head.headers)?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        // Fields that no extension receives are removed later, whatever a browser sends.
        if let Some(requested) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// Returns the header fields by which the scripts of a listed origin may read a response.
    pub(crate) fn fields(&self, request: &HeaderMap) -> CorsFields {
        CorsFields {
            origin: self.of(request).cloned(),
            varies: !self.0.is_empty(),
        }
    }
}

/// Header fields for the response to one request.
pub(crate) struct CorsFields {
    origin: Option<HeaderValue>,
    varies: bool,
}

impl CorsFields {
    pub(crate) fn add(self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.varies {
            headers.append(VARY, VARIES);
        }
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_origins_are_accepted_in_the_configuration() {
        let origins: CorsOrigins = "https://a.example, http://localhost:3000".parse().unwrap();
        assert_eq!(origins.0.len(), 2);
        assert!("".parse::<CorsOrigins>().unwrap().0.is_empty());
        for bad in [
            "*",
            "https://*.example.com",
            "https://a/",
            "https://a/b",
            "a.example",
            "null",
            "https://u@a",
            "ftp://a",
        ] {
            assert!(bad.parse::<CorsOrigins>().is_err(), "{bad}");
        }
    }
}
