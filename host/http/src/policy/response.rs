//! From a guest's response to what its client gets.

use super::{RESPONSE_FIELDS, nominated, passes};
use http::header::{CACHE_CONTROL, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use url::Url;

/// Authentication schemes for which a browser asks its user for a password: an extension must not make the
/// host application's page do that.
const PROMPTING_SCHEMES: [&str; 4] = ["basic", "digest", "ntlm", "negotiate"];

/// What decides beside the response itself.
#[derive(Debug, Clone, Copy)]
pub struct ClientContext<'a> {
    /// The `Host` of the client's request: the origin that a `location` may name.
    pub host: Option<&'a HeaderValue>,
    /// Whether the endpoint's responses may be kept by shared caches.
    pub is_cacheable: bool,
}

/// The fields of a guest's response that its client gets.
#[must_use]
pub fn response_to_client(guest: &HeaderMap, status: StatusCode, context: ClientContext<'_>) -> HeaderMap {
    let nominated = nominated(guest);
    let mut headers = HeaderMap::with_capacity(guest.len());
    for (name, value) in guest {
        if has_meaning(name, status) && !nominated.contains(name) && may_pass(name, value, context.host) {
            headers.append(name.clone(), value.clone());
        }
    }
    limit_caching(&mut headers, context.is_cacheable);
    headers
}

fn has_meaning(name: &HeaderName, status: StatusCode) -> bool {
    let row = RESPONSE_FIELDS.iter().find(|field| field.name == name.as_str());
    match row {
        Some(field) => field.statuses.is_empty() || field.statuses.contains(&status.as_u16()),
        None => passes(&RESPONSE_FIELDS, name.as_str()),
    }
}

fn may_pass(name: &HeaderName, value: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    if *name == LOCATION {
        return is_this_origin(value, host);
    }
    *name != WWW_AUTHENTICATE || !prompts(value)
}

/// Whether a browser that follows it stays with this origin: a reference without an origin, or one with the
/// host that the client asked.
fn is_this_origin(value: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    // Read as a browser reads it (WHATWG URL): `/\evil.example` and `//evil.example` are other hosts.
    let (Ok(text), Ok(base)) = (value.to_str(), Url::parse("https://this.invalid/")) else {
        return false;
    };
    let Ok(target) = base.join(text) else { return false };
    if target.origin() == base.origin() {
        return true;
    }
    let own = host.and_then(|host| host.to_str().ok());
    let is_web = matches!(target.scheme(), "http" | "https");
    let own = own.and_then(|own| Url::parse(&format!("{}://{own}/", target.scheme())).ok());
    is_web && target.username().is_empty() && own.is_some_and(|own| own.origin() == target.origin())
}

fn prompts(value: &HeaderValue) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let mut words = value.as_bytes().split(|byte| !is_token(byte));
    words.any(|word| {
        PROMPTING_SCHEMES
            .iter()
            .any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
    })
}

/// Shared caches keep only what the manifest declares to be the same for all callers; without a word no cache
/// keeps anything (RFC 9111, 3).
fn limit_caching(headers: &mut HeaderMap, is_cacheable: bool) {
    let declared: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .collect();
    let is_private = declared
        .iter()
        .all(|value| value.contains("private") || value.contains("no-store"))
        && !declared.iter().any(|value| value.contains("public"));
    if declared.is_empty() || (!is_private && !is_cacheable) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
