//! Validation of a request's `Host` field.

use alga_errors::{Code, Problem};
use http::header::HOST;
use http::{HeaderMap, Version};
use std::net::Ipv6Addr;

/// Checks the `Host` field: exactly one, with a valid value, in every HTTP/1.1 request (RFC 9112,
/// 3.2; its syntax is RFC 9110, 7.2: `uri-host [":" port]`). HTTP/1.0 may omit it; HTTP/2 uses
/// `:authority` instead.
///
/// # Errors
/// Returns [`Code::BadRequest`] if the field is missing, repeated or invalid.
pub fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |message: &str| Err(Problem::new(Code::BadRequest, message));
    let mut values = headers.get_all(HOST).iter();
    let Some(value) = values.next() else {
        return if version == Version::HTTP_11 {
            refused("the header host is required")
        } else {
            Ok(())
        };
    };
    if values.next().is_some() {
        return refused("the header host is sent at most once");
    }
    // An empty value is valid: a target without an authority has it (RFC 9112, 3.2).
    if value.is_empty() || is_host(value.as_bytes()) {
        return Ok(());
    }
    refused("the header host is not a host and port")
}

/// Matches `uri-host [":" port]` (RFC 9110, 7.2; RFC 3986, 3.2.2 and 3.2.3).
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let end_of_address = text.starts_with('[').then(|| text.find(']')).flatten();
    let (name, rest) = match end_of_address {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => {
            port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
        }
        None => rest.is_empty(),
    };
    let is_registered_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_name = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(is_registered_name),
    };
    port && is_name
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(version: Version, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        check_host(version, &headers).is_ok()
    }

    #[test]
    fn a_request_has_exactly_one_valid_host() {
        for host in [
            "a",
            "a.example:8080",
            "127.0.0.1:1",
            "[::1]:80",
            "[::1]",
            "a:",
            "xn--bcher-kva.example",
            "",
        ] {
            assert!(check(Version::HTTP_11, &[host]), "{host}");
        }
        for host in [
            "a b/c", "a/b", "http://a", "user@a", "a:b", "a:99999", "a,b c", "ü", "a?b", "a#b", ":80", "[::1", "[zz]",
            "[]", "[::1]x", "[::1]:x", "a:+1", "a:1:2", "a%41",
        ] {
            assert!(!check(Version::HTTP_11, &[host]), "{host}");
        }
        assert!(!check(Version::HTTP_11, &[]));
        assert!(!check(Version::HTTP_11, &["a", "a"]));
        assert!(!check(Version::HTTP_10, &["a", "b"]));
        assert!(check(Version::HTTP_10, &[]) && check(Version::HTTP_2, &[]));
    }
}
