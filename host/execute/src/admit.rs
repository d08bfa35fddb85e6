//! Turns a wire request into a permit and a request for the guest. All validation is done here,
//! once.

use crate::session::TokenSession;
use crate::{ExecutionDefaults, WireContext, WireHttp, WireRequest, WireUser, read_wire_headers};
use alga_auth::{ServiceGrant, is_user_id};
use alga_bundle::{CapabilityName, Digest, RequestId};
use alga_capabilities::{GrantSet, Identity, Permit, Trigger, User, UserKind};
use alga_errors::{Code, Problem};
use alga_http::canonical_path;
use alga_http::policy::{anticipates_content, field_bytes, remove_hop_by_hop};
use alga_limits::{BODY_BYTES, CONFIG_BYTES, HEADER_BYTES, HEADERS, TARGET_BYTES, USER_BYTES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Host header for the guest: the guest has no host name of its own, and the client's is not passed
/// on.
const GUEST_HOST: HeaderValue = HeaderValue::from_static("extension.invalid");

/// Platform headers for tenant and extension that are passed to a guest; their values come from the
/// token.
pub(crate) const PLATFORM_FIELDS: [&str; 2] = ["x-alga-tenant", "x-alga-extension"];

/// Headers of the caller that must match the token.
pub(crate) struct CallerHeaders<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) extension: &'a str,
}

/// Creates the permit for a request if its token, headers and body name the same context.
pub(crate) fn permit(
    wire: &WireRequest<'_>,
    headers: &CallerHeaders<'_>,
    session: &TokenSession,
    request: RequestId,
    started: Instant,
    defaults: &ExecutionDefaults,
) -> Result<(Arc<Permit>, Digest), Problem> {
    let grant = &session.grant;
    same_context(&wire.context, headers, grant)?;
    let grants = granted(wire, session)?;
    let identity = Identity {
        request,
        tenant: grant.tenant_id.clone(),
        extension: grant.extension_id.clone(),
        install: grant.install_id.clone(),
        version: Some(grant.version_id.clone()),
    };
    let permit = Permit {
        identity,
        trigger: trigger(&wire.context)?,
        config: Arc::new(config(wire)?),
        user: wire.user.as_ref().map(user).transpose()?,
        grants,
        egress: Arc::clone(&session.egress),
        memory_bytes: defaults.memory_bytes(wire.limits.memory_mb),
        deadline: started + defaults.timeout(wire.limits.timeout_ms),
    };
    Ok((Arc::new(permit), grant.content_hash))
}

fn same_context(context: &WireContext<'_>, headers: &CallerHeaders<'_>, grant: &ServiceGrant) -> Result<(), Problem> {
    let content_hash: Digest = context
        .content_hash
        .parse()
        .map_err(|error| bad_request(format!("context.content_hash: {error}")))?;
    let absent_or =
        |given: &Option<Cow<'_, str>>, expected: &str| given.as_deref().is_none_or(|given| given == expected);
    let same = [
        ("x-alga-tenant", headers.tenant == grant.tenant_id.as_str()),
        ("x-alga-extension", headers.extension == grant.extension_id.as_str()),
        ("context.tenant_id", context.tenant_id == grant.tenant_id.as_str()),
        (
            "context.extension_id",
            context.extension_id == grant.extension_id.as_str(),
        ),
        (
            "context.install_id",
            absent_or(&context.install_id, grant.install_id.as_str()),
        ),
        (
            "context.version_id",
            absent_or(&context.version_id, grant.version_id.as_str()),
        ),
        ("context.content_hash", content_hash == grant.content_hash),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((name, _)) => Err(Problem::new(
            Code::ContextMismatch,
            format!("{name} does not match the service token"),
        )),
        None => Ok(()),
    }
}

/// Returns the token's grants, or fewer if the caller names fewer; never more.
fn granted(wire: &WireRequest<'_>, session: &TokenSession) -> Result<GrantSet, Problem> {
    let denied = |error: String| Problem::new(Code::CapabilityDenied, error);
    let Some(providers) = &wire.providers else {
        return Ok(session.grants);
    };
    let mut names = Vec::with_capacity(providers.len());
    for provider in providers {
        let name: CapabilityName = provider.parse().map_err(denied)?;
        if !session.grants.contains(&name) {
            return Err(denied(format!("`{name}` is not granted by the service token")));
        }
        names.push(name);
    }
    GrantSet::from_names(&names).map_err(|error| denied(error.to_string()))
}

fn user(wire: &WireUser<'_>) -> Result<User, Problem> {
    let fields = &wire.additional_fields;
    let texts = [&wire.user_id, &wire.user_email, &wire.user_name]
        .into_iter()
        .chain(&wire.client_id)
        .chain(&wire.client_name);
    let bytes: usize = texts.map(|text| text.len()).sum::<usize>()
        + fields
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
    if bytes > USER_BYTES {
        return Err(bad_request(format!("user has more than {USER_BYTES} bytes")));
    }
    // The id becomes a header of calls to the host application and a part of keys: reject an id
    // that cannot be either.
    if !is_user_id(&wire.user_id) {
        return Err(bad_request("user.user_id has 1 to 128 visible ASCII characters"));
    }
    Ok(User {
        id: wire.user_id.to_string(),
        email: wire.user_email.to_string(),
        name: wire.user_name.to_string(),
        kind: match &*wire.user_type {
            "" | "internal" => UserKind::Internal,
            "client" => UserKind::Client,
            _ => return Err(bad_request("user.user_type is internal or client")),
        },
        client_id: wire.client_id.as_deref().map(ToOwned::to_owned),
        client_name: wire.client_name.as_deref().map(ToOwned::to_owned),
        additional_fields: fields.clone(),
    })
}

fn trigger(context: &WireContext<'_>) -> Result<Trigger, Problem> {
    let id = |id: &Option<Cow<'_, str>>, name: &str| {
        let id = id
            .as_deref()
            .ok_or_else(|| bad_request(format!("this trigger needs context.{name}")))?;
        if id.len() <= 128 {
            Ok(id.to_owned())
        } else {
            Err(bad_request(format!("context.{name} is too long")))
        }
    };
    match context.trigger.as_deref() {
        None | Some("http") => Ok(Trigger::Http),
        Some("schedule") => Ok(Trigger::Schedule(id(&context.schedule_id, "schedule_id")?)),
        Some("event") => Ok(Trigger::Event(id(&context.event_id, "event_id")?)),
        Some(_) => Err(bad_request("context.trigger is http, schedule or event")),
    }
}

fn config(wire: &WireRequest<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let config = match &wire.config {
        Some(config) if wire.context.config.is_empty() => config,
        _ => &wire.context.config,
    };
    let bytes: usize = config.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > CONFIG_BYTES {
        return Err(bad_request(format!("configuration has more than {CONFIG_BYTES} bytes")));
    }
    Ok(config.clone())
}

/// Builds the request for the guest.
pub(crate) fn guest_request(wire: &WireHttp<'_>, request_id: &str) -> Result<Request<Full<Bytes>>, Problem> {
    let method = Method::from_bytes(wire.method.as_bytes()).map_err(|_| bad_request("http.method is not a method"))?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(bad_request("http.method: CONNECT and TRACE are not supported"));
    }
    let body = body(wire)?;
    let headers = headers(wire, request_id, &method, body.len())?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target(wire)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn target(wire: &WireHttp<'_>) -> Result<Uri, Problem> {
    let not_a_target = || bad_request("http.path is not an absolute path, or http.query cannot follow it");
    if wire.path.contains(['?', '#']) {
        return Err(not_a_target());
    }
    let path = canonical_path(&wire.path).map_err(|error| bad_request(format!("http.path: {error}")))?;
    let query = match &wire.query_string {
        Some(raw) => raw.strip_prefix('?').unwrap_or(raw).to_owned(),
        None => encode_query(wire),
    };
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
        return Err(bad_request(format!(
            "path and query have more than {TARGET_BYTES} bytes"
        )));
    }
    target.parse().map_err(|_| not_a_target())
}

/// Characters that are percent-encoded in a query: all but the unreserved ones (RFC 3986, 2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a query as application/x-www-form-urlencoded, with %20 for a space.
fn encode_query(wire: &WireHttp<'_>) -> String {
    let encode = |text| utf8_percent_encode(text, QUERY);
    let pairs = wire.query.iter().flat_map(|(name, values)| {
        let values = values.iter();
        values.map(move |value| format!("{}={}", encode(name), encode(value)))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Builds the guest's headers: the caller's without those of its connection and without
/// credentials, and the platform's own. `content-length` is that of the received body (RFC 9110,
/// 8.6), whatever the client declared.
fn headers(wire: &WireHttp<'_>, request_id: &str, method: &Method, body_bytes: usize) -> Result<HeaderMap, Problem> {
    let read = read_wire_headers(&wire.headers, &wire.headers_b64);
    let mut headers = read.map_err(|rule| bad_request(format!("http.headers: {rule}")))?;
    if headers.len() > HEADERS || field_bytes(&headers) > HEADER_BYTES as u64 {
        return Err(bad_request(format!(
            "more than {HEADERS} headers or {HEADER_BYTES} bytes of them"
        )));
    }
    remove_hop_by_hop(&mut headers);
    remove_private(&mut headers);
    headers.remove(CONTENT_LENGTH);
    if body_bytes > 0 || anticipates_content(method) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body_bytes));
    }
    headers.insert(HOST, GUEST_HOST);
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    Ok(headers)
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

fn body(wire: &WireHttp<'_>) -> Result<Bytes, Problem> {
    let Some(encoded) = &wire.body_b64 else {
        return Ok(Bytes::new());
    };
    if encoded.len() > BODY_BYTES.div_ceil(3) * 4 {
        return Err(Problem::new(
            Code::PayloadTooLarge,
            format!("http.body_b64 has more than {BODY_BYTES} bytes"),
        ));
    }
    let bytes = STANDARD
        .decode(encoded.as_bytes())
        .map_err(|_| bad_request("http.body_b64 is not standard base64 with padding"))?;
    if bytes.len() > BODY_BYTES {
        return Err(Problem::new(
            Code::PayloadTooLarge,
            format!("http.body_b64 has more than {BODY_BYTES} bytes"),
        ));
    }
    Ok(Bytes::from(bytes))
}

pub(crate) fn bad_request(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(json: &str) -> Result<Request<Full<Bytes>>, Problem> {
        guest_request(&serde_json::from_str(json).unwrap(), "r-1")
    }

    #[test]
    fn query_keys_are_percent_encoded_and_repeated_keys_preserved() {
        let request = http(r#"{"method":"GET","path":"/a","query":{"k":["1","é&="],"x y":""}}"#).unwrap();
        assert_eq!(request.uri().to_string(), "/a?k=1&k=%C3%A9%26%3D&x%20y=");
    }

    #[test]
    fn only_canonical_base64_bodies_are_accepted() {
        let code = |body: &str| {
            http(&format!(r#"{{"method":"POST","path":"/","body_b64":"{body}"}}"#))
                .map(|_| ())
                .err()
                .map(|error| error.code())
        };
        assert_eq!(code("aGk="), None);
        assert_eq!(code(""), None);
        for bad in ["aGk", "aGl=", "aG k=", "aGk=\\n", "a-_=", "====", "aGk=aGk="] {
            assert_eq!(code(bad), Some(Code::BadRequest), "{bad}");
        }
    }

    #[test]
    fn requests_that_are_not_valid_http_are_bad_requests() {
        for bad in [
            r#"{"method":"GET /","path":"/"}"#,
            r#"{"method":"CONNECT","path":"/"}"#,
            r#"{"method":"GET","path":"a"}"#,
            r#"{"method":"GET","path":"/a?b"}"#,
            r#"{"method":"GET","path":"/a b"}"#,
            r#"{"method":"GET","path":"/","query_string":"a#b c"}"#,
            r#"{"method":"GET","path":"/","headers":{"a b":"c"}}"#,
            r#"{"method":"GET","path":"/","headers":{"a":"b\r\nc: d"}}"#,
        ] {
            assert_eq!(
                http(bad).err().map(|error| error.code()),
                Some(Code::BadRequest),
                "{bad}"
            );
        }
    }
}
