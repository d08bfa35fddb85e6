//! Fields of a guest's response that its client receives.

use super::{RESPONSE_FIELDS, nominated, passes};
use http::header::{CACHE_CONTROL, LOCATION, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use url::Url;

/// Authentication schemes for which a browser prompts for a password: an extension must not cause
/// that on the host application's page.
const PROMPTING_SCHEMES: [&str; 4] = ["basic", "digest", "ntlm", "negotiate"];

/// Fields that the platform adds later, so that the map does not grow: timing, rate limits, request
/// id and others.
const OWN_FIELDS: usize = 10;
/// A reserved host name that no reference of a guest names.
const PLACEHOLDER: &str = "this-origin.invalid";

/// Context of a response that its filtering depends on.
#[derive(Debug, Clone, Copy)]
pub struct ClientContext<'a> {
    /// The `Host` of the client's request: the origin that a `location` may name.
    pub host: Option<&'a HeaderValue>,
    /// True if shared caches may store the endpoint's responses.
    pub is_cacheable: bool,
}

/// Returns the fields of a guest's response that its client receives.
#[must_use]
pub fn response_to_client(guest: &HeaderMap, status: StatusCode, context: ClientContext<'_>) -> HeaderMap {
    let nominated = nominated(guest);
    let mut headers = HeaderMap::with_capacity(guest.len() + OWN_FIELDS);
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

/// Reports whether a browser that follows a `location` stays at this origin: the reference has no
/// origin, or the host that the client requested.
fn is_this_origin(value: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let own = host.and_then(|host| host.to_str().ok());
    // Parsed as a browser does (WHATWG URL): `/\evil.example`, `//evil.example` and, on plain http,
    // `https:evil.example` are other hosts.
    ["http", "https"].iter().all(|scheme| stays(text, scheme, own))
}

/// Reports whether a browser at this scheme stays at its host.
fn stays(reference: &str, scheme: &str, own: Option<&str>) -> bool {
    let Ok(base) = Url::parse(&format!("{scheme}://{PLACEHOLDER}/")) else {
        return false;
    };
    let Ok(target) = base.join(reference) else { return false };
    if target.host_str() == Some(PLACEHOLDER) {
        return target.origin() == base.origin() && !reference.to_ascii_lowercase().contains(PLACEHOLDER);
    }
    let own = own.and_then(|own| Url::parse(&format!("{}://{own}/", target.scheme())).ok());
    let is_web = matches!(target.scheme(), "http" | "https");
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

/// Restricts caching of responses to the client itself: a URL of the gateway does not name the
/// tenant, so a shared cache would mix tenants. The gateway's own cache stores what the manifest
/// declares to be the same for all callers. Without `cache-control`, no cache may store the
/// response (RFC 9111, 3). Without `cacheable`, a response is for its user only: it needs a bare
/// `private` or `no-store`, and no directive for shared caches. The qualified form
/// `private="field"` restricts that field only (5.2.2.7).
fn limit_caching(headers: &mut HeaderMap, is_cacheable: bool) {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let texts: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .collect();
    let text = texts.join(",");
    let directives: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .collect();
    let is_shared = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim_end();
        matches!(name, "public" | "s-maxage") || directive.contains('"')
    };
    let is_for_one = |directive: &&str| matches!(*directive, "private" | "no-store");
    let is_private = directives.iter().any(is_for_one) && !directives.iter().any(is_shared);
    if directives.is_empty() || (!is_private && !is_cacheable) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if !is_private {
        let own = directives.iter().filter(|directive| !is_shared(directive));
        let own: Vec<&str> = ["private"].iter().chain(own).copied().collect();
        let value = HeaderValue::from_str(&own.join(", "));
        headers.insert(CACHE_CONTROL, value.unwrap_or(HeaderValue::from_static("no-store")));
    }
    if headers.get(CACHE_CONTROL).is_some_and(|control| control != "no-store") {
        // A browser stores it for the user who is signed in.
        headers.append(VARY, HeaderValue::from_static("authorization"));
    }
}
