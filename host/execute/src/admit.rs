//! Turns a wire request into a permit and a request for the guest. All validation is done here,
//! once.

use crate::guest_request::{PartNames, bad_request, guest_request, target};
use crate::request_body::RequestBody;
use crate::session::Session;
use crate::{ExecutionDefaults, WireContext, WireHttp, WireRequest, WireUser, read_wire_headers};
use alga_auth::{ServiceGrant, is_user_id};
use alga_bundle::{CapabilityName, Digest, RequestId};
use alga_capabilities::{GrantSet, Identity, Permit, Trigger, User, UserKind};
use alga_errors::{Code, Problem};
use alga_limits::{BODY_BYTES, CONFIG_BYTES, USER_BYTES};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Headers of the caller that must match the token.
pub(crate) struct CallerHeaders<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) extension: &'a str,
}

/// Creates the permit for a request if its token, headers and body name the same context.
pub(crate) fn permit(
    wire: &WireRequest<'_>,
    headers: &CallerHeaders<'_>,
    session: &Session,
    request: RequestId,
    started: Instant,
    defaults: &ExecutionDefaults,
) -> Result<Arc<Permit>, Problem> {
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
    Ok(Arc::new(permit))
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
fn granted(wire: &WireRequest<'_>, session: &Session) -> Result<GrantSet, Problem> {
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
    let user = User {
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
        additional_fields: wire.additional_fields.clone(),
    };
    check_user(&user)?;
    Ok(user)
}

/// Checks the size and the id of a user. The id becomes a header of calls to the host application
/// and a part of keys, so one that cannot be either is refused.
pub(crate) fn check_user(user: &User) -> Result<(), Problem> {
    let texts = [&user.id, &user.email, &user.name].into_iter();
    let texts = texts.chain(&user.client_id).chain(&user.client_name);
    let fields = user.additional_fields.iter();
    let bytes: usize =
        texts.map(String::len).sum::<usize>() + fields.map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > USER_BYTES {
        return Err(bad_request(format!("user has more than {USER_BYTES} bytes")));
    }
    if !is_user_id(&user.id) {
        return Err(bad_request("user.user_id has 1 to 128 visible ASCII characters"));
    }
    Ok(())
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

/// Checks the size of a configuration.
pub(crate) fn check_config(config: &BTreeMap<String, String>) -> Result<(), Problem> {
    let bytes: usize = config.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > CONFIG_BYTES {
        return Err(bad_request(format!("configuration has more than {CONFIG_BYTES} bytes")));
    }
    Ok(())
}

fn config(wire: &WireRequest<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let config = match &wire.config {
        Some(config) if wire.context.config.is_empty() => config,
        _ => &wire.context.config,
    };
    check_config(config)?;
    Ok(config.clone())
}

/// Names of the parts of a wire request in error messages.
const NAMES: PartNames = PartNames {
    method: "http.method",
    path: "http.path",
    query: "http.query",
};

/// Builds the request for the guest.
pub(crate) fn wire_request(wire: &WireHttp<'_>, identity: &Identity) -> Result<Request<RequestBody>, Problem> {
    let method = Method::from_bytes(wire.method.as_bytes()).map_err(|_| bad_request("http.method is not a method"))?;
    let body = RequestBody::from(body(wire)?);
    let headers = read_wire_headers(&wire.headers, &wire.headers_b64);
    let headers = headers.map_err(|rule| bad_request(format!("http.headers: {rule}")))?;
    let target = match &wire.query_string {
        Some(raw) => target(&wire.path, raw.strip_prefix('?').unwrap_or(raw), NAMES)?,
        None => target(&wire.path, &encode_query(wire), NAMES)?,
    };
    guest_request(method, target, headers, body, identity, NAMES)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn http(json: &str) -> Result<Request<RequestBody>, Problem> {
        let identity = Identity {
            request: "r-1".parse().unwrap(),
            tenant: "t".parse().unwrap(),
            extension: "e".parse().unwrap(),
            install: "i".parse().unwrap(),
            version: None,
        };
        wire_request(&serde_json::from_str(json).unwrap(), &identity)
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
