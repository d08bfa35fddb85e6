//! The header fields that confine a page.

use crate::target::{PREFIX, Target};
use http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::str::FromStr;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const DNS_PREFETCH: HeaderName = HeaderName::from_static("x-dns-prefetch-control");
/// Features of the browser that no extension gets from its page.
const NO_FEATURES: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), encrypted-media=(), \
     fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), \
     microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), \
     usb=(), xr-spatial-tracking=()",
);
/// Type of a file whose name has no known extension.
const UNKNOWN_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Maximum bytes of a host in the policy: longer ones are no names (RFC 1035, 2.3.4), with a port.
const HOST_BYTES: usize = 253 + 6;

/// Origins that may embed pages, as the value of `frame-ancestors` (CSP 3, 6.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameAncestors(String);

/// Error of a text that does not list origins.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not 'self', 'none', or an origin such as https://app.example.com or https://*.example.com")]
pub struct InvalidAncestor(String);

impl Default for FrameAncestors {
    fn default() -> Self {
        Self("'self'".to_owned())
    }
}

impl FromStr for FrameAncestors {
    type Err = InvalidAncestor;

    /// Reads origins that are separated by spaces or commas.
    fn from_str(text: &str) -> Result<Self, InvalidAncestor> {
        let sources = text.split([' ', ',']).filter(|source| !source.is_empty());
        let sources = sources.map(|source| match is_source(source) {
            true => Ok(source),
            false => Err(InvalidAncestor(source.escape_default().to_string())),
        });
        let sources: Vec<&str> = sources.collect::<Result<_, _>>()?;
        Ok(match sources.is_empty() {
            true => Self("'none'".to_owned()),
            false => Self(sources.join(" ")),
        })
    }
}

fn is_source(source: &str) -> bool {
    if matches!(source, "'self'" | "'none'") {
        return true;
    }
    let authority = source
        .strip_prefix("https://")
        .or_else(|| source.strip_prefix("http://"));
    authority.is_some_and(|authority| is_authority(authority.strip_prefix("*.").unwrap_or(authority)))
}

/// True for a host with or without a port, which has no other meaning in a policy.
fn is_authority(authority: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    (1..=HOST_BYTES).contains(&authority.len()) && authority.bytes().all(is_part)
}

/// Adds the fields that every response has. A page may load the files of its own release from this
/// host, and nothing else; scripts reach the host application by messages only.
pub(crate) fn confine(headers: &mut HeaderMap, policy: HeaderValue) {
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(PERMISSIONS_POLICY, NO_FEATURES);
    // The page has an opaque origin, so its own files are cross-origin for it.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    // A page that a user opens by itself shares no window with the page that has the link.
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(DNS_PREFETCH, HeaderValue::from_static("off"));
    // A file of unknown type is saved, not shown; loading it from a page is not affected.
    if headers.get(CONTENT_TYPE).is_some_and(|kind| *kind == UNKNOWN_TYPE) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    headers.entry(CONTENT_TYPE).or_insert(UNKNOWN_TYPE);
}

/// Returns the policy for a response. `'self'` would also be the files of other extensions, so the
/// sources name the host and the path of this release.
pub(crate) fn policy(request: &HeaderMap, target: Option<&Target>, ancestors: &FrameAncestors) -> HeaderValue {
    let host = request
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| is_authority(host));
    let own = match (host, target) {
        (Some(host), Some(target)) => {
            let Target {
                extension,
                content_hash,
                ..
            } = target;
            format!("{host}{PREFIX}{extension}/{content_hash}/")
        }
        _ => "'none'".to_owned(),
    };
    let ancestors = &ancestors.0;
    let policy = format!(
        "default-src 'none'; script-src {own}; style-src {own}; font-src {own}; media-src {own}; \
         img-src {own} data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'; \
         frame-ancestors {ancestors}; sandbox allow-scripts allow-forms"
    );
    // Host, name and hash have no character that a field could not have.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'; sandbox"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_origins_and_nothing_that_ends_the_directive() {
        for (text, expected) in [
            ("", "'none'"),
            ("'self'", "'self'"),
            (
                "https://a.example.com, http://localhost:3000",
                "https://a.example.com http://localhost:3000",
            ),
            ("https://*.example.com", "https://*.example.com"),
        ] {
            assert_eq!(text.parse::<FrameAncestors>().unwrap().0, expected);
        }
        for text in [
            "*",
            "a.example.com",
            "https://a;script-src",
            "https:",
            "https://a/path",
            "'unsafe-inline'",
            "data:",
        ] {
            assert!(text.parse::<FrameAncestors>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_that_could_change_the_policy_is_not_in_it() {
        for host in ["a b", "a;script-src *", "a,b", "*", "a/b", "a'b"] {
            let mut request = HeaderMap::new();
            request.insert(HOST, HeaderValue::from_static(host));
            let target = Target {
                extension: "a".into(),
                content_hash: alga_bundle::Digest::of(b""),
                path: None,
            };
            let policy = policy(&request, Some(&target), &FrameAncestors::default());
            assert!(policy.to_str().unwrap().contains("script-src 'none';"), "{policy:?}");
        }
    }
}
