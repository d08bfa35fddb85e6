//! The header fields that pass in each direction, and the content that each status allows.
//!
//! Both directions of the gateway use allowlists; all other fields are dropped. Outbound requests
//! of extensions (`host/egress`) use a denylist instead, because every API has fields of its own.
//! Values are bytes (RFC 9110, 5.5), and repeated fields stay repeated (5.3).

mod egress;
mod response;

pub use egress::{FieldError, field_bytes, inbound_response, outbound_request};
pub use response::{ClientContext, response_to_client};

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::borrow::Cow;
use url::Url;

/// A field that passes, with the section that defines it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name of the field in lower case.
    pub name: &'static str,
    /// The section of the standard that defines it.
    pub section: &'static str,
    /// The statuses in which it has a meaning; empty for all statuses, and for requests.
    pub statuses: &'static [u16],
}

const fn field(name: &'static str, section: &'static str) -> Field {
    Field {
        name,
        section,
        statuses: &[],
    }
}

/// Fields from a client to a guest, in addition to `x-ext-*`. `content-length` is set anew from the
/// body that arrived.
pub const REQUEST_FIELDS: [Field; 22] = [
    field("content-type", "RFC 9110, 8.3"),
    field("content-encoding", "RFC 9110, 8.4"),
    field("content-language", "RFC 9110, 8.5"),
    field("accept", "RFC 9110, 12.5.1"),
    field("accept-charset", "RFC 9110, 12.5.2"),
    field("accept-encoding", "RFC 9110, 12.5.3"),
    field("accept-language", "RFC 9110, 12.5.4"),
    field("if-match", "RFC 9110, 13.1.1"),
    field("if-none-match", "RFC 9110, 13.1.2"),
    field("if-modified-since", "RFC 9110, 13.1.3"),
    field("if-unmodified-since", "RFC 9110, 13.1.4"),
    field("if-range", "RFC 9110, 13.1.5"),
    field("range", "RFC 9110, 14.2"),
    field("cache-control", "RFC 9111, 5.2"),
    field("prefer", "RFC 7240, 2"),
    field("origin", "RFC 6454, 7"),
    field("referer", "RFC 9110, 10.1.3"),
    field("user-agent", "RFC 9110, 10.1.5"),
    field("traceparent", "Trace Context, 3.2"),
    field("tracestate", "Trace Context, 3.3"),
    field("x-request-id", "contract"),
    field("x-idempotency-key", "contract"),
];

/// Fields from a guest to a client, in addition to `x-ext-*`. `content-length` is set anew from the
/// body.
pub const RESPONSE_FIELDS: [Field; 21] = [
    field("content-type", "RFC 9110, 8.3"),
    field("content-encoding", "RFC 9110, 8.4"),
    field("content-language", "RFC 9110, 8.5"),
    field("content-disposition", "RFC 6266, 4"),
    Field {
        name: "content-range",
        section: "RFC 9110, 14.4",
        statuses: &[206, 416],
    },
    field("etag", "RFC 9110, 8.8.3"),
    field("last-modified", "RFC 9110, 8.8.2"),
    field("vary", "RFC 9110, 12.5.5"),
    field("cache-control", "RFC 9111, 5.2"),
    field("expires", "RFC 9111, 5.3"),
    field("age", "RFC 9111, 5.1"),
    field("accept-ranges", "RFC 9110, 14.3"),
    field("allow", "RFC 9110, 10.2.1"),
    field("link", "RFC 8288, 3"),
    Field {
        name: "location",
        section: "RFC 9110, 10.2.2",
        statuses: &[201, 300, 301, 302, 303, 305, 307, 308],
    },
    field("retry-after", "RFC 9110, 10.2.3"),
    field("www-authenticate", "RFC 9110, 11.6.1"),
    field("deprecation", "RFC 9745, 2"),
    field("sunset", "RFC 8594, 3"),
    field("server-timing", "Server Timing, 3"),
    field("x-request-id", "contract"),
];

/// Prefix of an extension's own fields, in both directions.
const OWN_PREFIX: &str = "x-ext-";

/// Hop-by-hop fields (RFC 9110, 7.6.1), and those that old software treats as such.
pub const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    http::header::TE,
    http::header::TRAILER,
    http::header::PROXY_AUTHENTICATE,
    http::header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Reports whether a message may have content: a response to HEAD, 1xx, 204, 205 and 304 have none
/// (RFC 9110, 6.4.1, 15.3.5, 15.3.6 and 15.4.5).
#[must_use]
pub fn has_content(method: &Method, status: StatusCode) -> bool {
    let is_bare = status.is_informational() || matches!(status.as_u16(), 204 | 205 | 304);
    *method != Method::HEAD && !is_bare
}

/// Reports whether the method gives meaning to content, so that a request without content is sent
/// with `content-length: 0` (RFC 9110, 8.6).
#[must_use]
pub fn anticipates_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Returns the fields of a client's request that the guest receives, in their order.
#[must_use]
pub fn request_to_guest(client: &HeaderMap) -> Vec<(&HeaderName, Cow<'_, HeaderValue>)> {
    let nominated = nominated(client);
    client
        .iter()
        .filter(|(name, _)| passes(&REQUEST_FIELDS, name.as_str()) && !nominated.contains(name))
        .filter_map(|(name, value)| {
            let value = match name.as_str() {
                "referer" => Cow::Owned(origin_of(value)?),
                _ => Cow::Borrowed(value),
            };
            Some((name, value))
        })
        .collect()
}

/// Reports whether a field is in the table, or one of the extension's own. A name with `_` never
/// is: some servers read it as `-`.
fn passes(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|field| field.name == name) || (name.starts_with(OWN_PREFIX) && !name.contains('_'))
}

/// Reports whether a guest receives a field of a request with this name.
#[must_use]
pub fn may_reach_guest(name: &HeaderName) -> bool {
    passes(&REQUEST_FIELDS, name.as_str())
}

/// Returns the fields that `connection` names: they are for this hop only (RFC 9110, 7.6.1).
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        // Bounded by the number of fields in the message, so that a list of thousands of names
        // costs no more.
        .filter(|name| headers.contains_key(name))
        .take(headers.keys_len())
        .collect()
}

/// Removes hop-by-hop fields, including those that `connection` names.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let nominated = nominated(headers);
    for name in nominated.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Reduces a referer to its origin (RFC 9110, 10.1.3: never its user, path or query).
fn origin_of(value: &HeaderValue) -> Option<HeaderValue> {
    let url = Url::parse(value.to_str().ok()?).ok()?;
    let origin = url.origin();
    let text = origin
        .is_tuple()
        .then(|| format!("{}/", origin.ascii_serialization()))?;
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests;
