//! The request that a guest receives: a canonical target, the caller's fields without those of its
//! connection and without credentials, and the platform's own fields.

use crate::request_body::RequestBody;
use alga_capabilities::Identity;
use alga_errors::{Code, Problem};
use alga_http::canonical_path;
use alga_http::policy::{anticipates_content, field_bytes, remove_hop_by_hop};
use alga_limits::{HEADER_BYTES, HEADERS, TARGET_BYTES};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

/// Host header for the guest: the guest has no host name of its own, and the client's is not passed
/// on.
const GUEST_HOST: HeaderValue = HeaderValue::from_static("extension.invalid");

/// Platform headers for tenant and extension that are passed to a guest; their values come from the
/// token.
const PLATFORM_FIELDS: [&str; 2] = ["x-alga-tenant", "x-alga-extension"];

/// Names of the parts of a request in error messages: JSON fields, or parts of an HTTP request.
#[derive(Clone, Copy)]
pub(crate) struct PartNames {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: &'static str,
}

/// Builds the guest's request.
///
/// # Errors
/// Returns [`Code::BadRequest`] for a method, a target or fields that are not valid or exceed a
/// limit.
pub(crate) fn guest_request(
    method: Method,
    target: Uri,
    mut headers: HeaderMap,
    body: RequestBody,
    identity: &Identity,
    names: PartNames,
) -> Result<Request<RequestBody>, Problem> {
    if matches!(method, Method::CONNECT | Method::TRACE) {
        let message = format!("{}: CONNECT and TRACE are not supported", names.method);
        return Err(bad_request(message));
    }
    if headers.len() > HEADERS || field_bytes(&headers) > HEADER_BYTES as u64 {
        let message = format!("more than {HEADERS} headers or {HEADER_BYTES} bytes of them");
        return Err(bad_request(message));
    }
    remove_hop_by_hop(&mut headers);
    remove_private(&mut headers);
    set_length(&mut headers, &method, body.length());
    headers.insert(HOST, GUEST_HOST);
    if let Ok(value) = HeaderValue::from_str(identity.request.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    write_context(&mut headers, identity);
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Builds the target of a guest's request from a path and a query.
///
/// # Errors
/// Returns [`Code::BadRequest`] for a target that is not valid or too long.
pub(crate) fn target(path: &str, query: &str, names: PartNames) -> Result<Uri, Problem> {
    let PartNames {
        path: path_name,
        query: query_name,
        ..
    } = names;
    let not_a_target = || {
        let message = format!("{path_name} is not an absolute path, or {query_name} cannot follow it");
        bad_request(message)
    };
    if path.contains(['?', '#']) {
        return Err(not_a_target());
    }
    let path = canonical_path(path).map_err(|error| bad_request(format!("{path_name}: {error}")))?;
    let target = if query.is_empty() {
        path.into_owned()
    } else {
        format!("{path}?{query}")
    };
    // The URI parser would silently drop everything after `#`.
    if query.contains('#') {
        return Err(not_a_target());
    }
    if target.len() > TARGET_BYTES {
        let message = format!("path and query have more than {TARGET_BYTES} bytes");
        return Err(bad_request(message));
    }
    target.parse().map_err(|_| not_a_target())
}

/// Sets `content-length` to the length of the body as it is received (RFC 9110, 8.6), whatever the
/// client declared.
fn set_length(headers: &mut HeaderMap, method: &Method, length: Option<u64>) {
    headers.remove(CONTENT_LENGTH);
    if let Some(length) = length.filter(|length| *length > 0 || anticipates_content(method)) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Removes credentials and `x-alga-` headers, so that a caller cannot set platform headers.
/// [`PLATFORM_FIELDS`] remain; their values are replaced with the token's.
fn remove_private(headers: &mut HeaderMap) {
    let is_private = |name: &HeaderName| {
        let is_credential = [AUTHORIZATION, COOKIE].contains(name);
        is_credential || (name.as_str().starts_with("x-alga-") && !PLATFORM_FIELDS.contains(&name.as_str()))
    };
    let private: Vec<HeaderName> = headers.keys().filter(|name| is_private(name)).cloned().collect();
    for name in private {
        headers.remove(name);
    }
}

/// Replaces tenant and extension headers, if the request has them, with the values of the token,
/// whatever the caller wrote there.
fn write_context(headers: &mut HeaderMap, identity: &Identity) {
    for (name, value) in PLATFORM_FIELDS
        .iter()
        .zip([identity.tenant.as_str(), identity.extension.as_str()])
    {
        if let (true, Ok(value)) = (headers.contains_key(*name), HeaderValue::from_str(value)) {
            headers.insert(*name, value);
        }
    }
}

pub(crate) fn bad_request(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, message)
}
