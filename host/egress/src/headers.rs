//! What is not a guest's or an upstream's to say.

use crate::Refused;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};

/// Headers of a message.
pub(crate) const HEADERS: usize = 100;
/// Bytes of all headers of a message.
pub(crate) const HEADER_BYTES: usize = 32 * 1024;

/// Between two hops (RFC 9110, 7.6.1), and what old software takes for it.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    TRAILER,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];
/// What an upstream says to a browser or about credentials, and an extension could only leak.
const INWARD: [HeaderName; 4] = [
    SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    AUTHORIZATION,
    HeaderName::from_static("alt-svc"),
];

/// Removes what hyper sets by itself or nobody may set, and answers the length that the guest said its body has.
pub(crate) fn outward(headers: &mut HeaderMap) -> Result<Option<u64>, Refused> {
    remove_hop_by_hop(headers);
    headers.remove(HOST);
    // A guest that waits for `100 Continue` would wait for an answer that wasi:http cannot give it.
    headers.remove(EXPECT);
    let length = content_length(headers)?;
    headers.remove(CONTENT_LENGTH);
    check_size(headers).map_err(Refused::Header)?;
    Ok(length)
}

/// Removes what is not for a guest.
pub(crate) fn inward(headers: &mut HeaderMap) -> Result<(), Refused> {
    check_size(headers).map_err(Refused::AnswerHeader)?;
    remove_hop_by_hop(headers);
    for name in INWARD {
        headers.remove(name);
    }
    Ok(())
}

/// Bytes of a head, for the account.
pub(crate) fn head_bytes(headers: &HeaderMap) -> u64 {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().len() + value.len()) as u64)
        .sum()
}

fn check_size(headers: &HeaderMap) -> Result<(), &'static str> {
    if headers.len() > HEADERS || head_bytes(headers) > HEADER_BYTES as u64 {
        return Err("a message has at most 100 headers and 32 KiB of them");
    }
    Ok(())
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in nominated.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let refused = Refused::Header("content-length is one number");
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused);
    }
    let digits = value
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn hop_by_hop_headers_and_what_connection_names_are_removed() {
        let mut map = headers(&[
            ("connection", "x-auth, keep-alive"),
            ("x-auth", "1"),
            ("keep-alive", "2"),
            ("te", "trailers"),
            ("host", "evil"),
            ("expect", "100-continue"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("upgrade", "h2c"),
            ("accept", "a/b"),
            ("trailer", "x"),
        ]);
        assert_eq!(outward(&mut map).unwrap(), Some(5));
        assert_eq!(map, headers(&[("accept", "a/b")]));
    }

    #[test]
    fn a_length_is_one_number() {
        for bad in [
            &[("content-length", "+5")][..],
            &[("content-length", "5"), ("content-length", "5")],
            &[("content-length", "5, 5")],
            &[("content-length", "")],
            &[("content-length", "-1")],
            &[("content-length", "99999999999999999999")],
        ] {
            assert!(outward(&mut headers(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cookies_and_credentials_of_an_upstream_do_not_reach_a_guest() {
        let mut map = headers(&[
            ("set-cookie", "a=b"),
            ("set-cookie2", "a"),
            ("authorization", "x"),
            ("connection", "x-a"),
            ("x-a", "b"),
            ("etag", "\"1\""),
        ]);
        inward(&mut map).unwrap();
        assert_eq!(map, headers(&[("etag", "\"1\"")]));
    }
}
