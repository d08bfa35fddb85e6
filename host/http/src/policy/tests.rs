//! Tests of the policy as a table: the field that is sent, the field that arrives, and the section
//! that decides.

use super::*;
use http::header::HOST;

fn map(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    map
}

fn to_guest(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let client = map(pairs);
    let guest = request_to_guest(&client);
    guest
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

fn to_client(status: u16, pairs: &[(&str, &str)]) -> HeaderMap {
    let host = HeaderValue::from_static("app.example:8443");
    let context = ClientContext {
        host: Some(&host),
        is_cacheable: false,
    };
    let mut client = response_to_client(&map(pairs), StatusCode::from_u16(status).unwrap(), context);
    client.remove("cache-control");
    client
}

#[test]
fn all_listed_header_fields_pass_with_bytes_and_repetitions_unchanged() {
    for field in REQUEST_FIELDS.iter().filter(|field| field.name != "referer") {
        let sent = [(field.name, "grün"), (field.name, "2")];
        let arrived = to_guest(&sent);
        let expected: Vec<_> = sent
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .into();
        assert_eq!(arrived, expected, "{} ({})", field.name, field.section);
    }
    let special = ["location", "www-authenticate", "cache-control"];
    for field in RESPONSE_FIELDS.iter().filter(|field| !special.contains(&field.name)) {
        let status = field.statuses.first().copied().unwrap_or(200);
        let arrived = to_client(status, &[(field.name, "grün"), (field.name, "2")]);
        assert_eq!(
            arrived.get_all(field.name).iter().count(),
            2,
            "{} ({})",
            field.name,
            field.section
        );
        assert_eq!(arrived[field.name].as_bytes(), "grün".as_bytes(), "{}", field.name);
    }
}

#[test]
fn hop_by_hop_credential_and_reserved_headers_never_reach_a_guest() {
    for (section, name) in [
        ("RFC 9110, 11.6.2: credentials", "authorization"),
        ("RFC 6265, 5.4: credentials", "cookie"),
        ("RFC 9110, 11.7.2: credentials", "proxy-authorization"),
        ("RFC 7239, 4: the platform identifies the client", "forwarded"),
        ("RFC 7239, 1: its older form", "x-forwarded-for"),
        ("RFC 7239, 1: its older form", "x-forwarded-host"),
        ("RFC 7239, 1: its older form", "x-real-ip"),
        ("RFC 9110, 7.6.1: one hop", "connection"),
        ("RFC 9110, 7.6.1: one hop", "te"),
        ("RFC 9110, 7.6.1: one hop", "keep-alive"),
        ("RFC 9112, 6.1: one hop", "transfer-encoding"),
        ("RFC 9110, 7.8: one hop", "upgrade"),
        ("RFC 9110, 7.2: the guest has a host of its own", "host"),
        ("RFC 9110, 10.1.1: the platform has handled it", "expect"),
        ("contract: reserved", "x-alga-tenant"),
        ("contract: reserved", "x-alga-admin"),
        (
            "contract: a spelling that some servers read as another name",
            "x-ext-a_b",
        ),
        (
            "contract: a spelling that some servers read as another name",
            "content_type",
        ),
        ("contract: unknown", "x-unknown"),
    ] {
        assert_eq!(to_guest(&[(name, "canary")]), [], "{name} ({section})");
    }
}

#[test]
fn headers_named_by_connection_are_removed() {
    let sent = [
        ("connection", "X-Ext-A , prefer"),
        ("x-ext-a", "1"),
        ("prefer", "2"),
        ("accept", "3"),
    ];
    assert_eq!(
        to_guest(&sent),
        [("accept".to_owned(), b"3".to_vec())],
        "RFC 9110, 7.6.1"
    );
    assert_eq!(to_client(200, &sent), map(&[]), "RFC 9110, 7.6.1");
}

#[test]
fn a_referer_is_reduced_to_its_origin() {
    for (sent, arrives) in [
        ("https://app.example/a?token=1#x", Some("https://app.example/")),
        (
            "https://user:pass@app.example:8443/a",
            Some("https://app.example:8443/"),
        ),
        ("about:blank", None),
        ("/a", None),
        ("data:text/html,x", None),
    ] {
        let expected: Vec<_> = arrives
            .into_iter()
            .map(|value| ("referer".to_owned(), value.as_bytes().to_vec()))
            .collect();
        assert_eq!(to_guest(&[("referer", sent)]), expected, "RFC 9110, 10.1.3: {sent}");
    }
}

/// Columns of the table: section, status, field, value.
const NEVER_TO_A_CLIENT: &[(&str, u16, &str, &str)] = &[
    (
        "RFC 6265, 4.1: cookies of the host application",
        200,
        "set-cookie",
        "a=b",
    ),
    (
        "RFC 6797, 6.1: policy of the whole host",
        200,
        "strict-transport-security",
        "max-age=0",
    ),
    (
        "Clear Site Data, 3: policy of the whole host",
        200,
        "clear-site-data",
        "*",
    ),
    (
        "Fetch, 3.2: CORS is the gateway's",
        200,
        "access-control-allow-origin",
        "*",
    ),
    ("RFC 9112, 6.1: one hop", 200, "transfer-encoding", "chunked"),
    ("RFC 9110, 8.6: written anew", 200, "content-length", "7"),
    (
        "RFC 9110, 14.4: without meaning here",
        200,
        "content-range",
        "bytes 0-1/2",
    ),
    ("RFC 9110, 10.2.2: without meaning here", 200, "location", "/a"),
    (
        "RFC 9110, 10.2.2: another origin",
        302,
        "location",
        "https://evil.example/",
    ),
    ("RFC 3986, 4.2: another origin", 302, "location", "//evil.example/"),
    ("WHATWG URL, 4.4: another origin", 302, "location", "/\\evil.example/"),
    ("WHATWG URL, 4.4: another origin", 302, "location", "\t//evil.example/"),
    (
        "WHATWG URL, 4.4: another origin where the page is plain http",
        302,
        "location",
        "https:evil.example/",
    ),
    (
        "WHATWG URL, 4.4: another origin where the page is https",
        302,
        "location",
        "http:evil.example/",
    ),
    (
        "RFC 9110, 10.2.2: a reserved host",
        302,
        "location",
        "https://this-origin.invalid/",
    ),
    (
        "RFC 9110, 10.2.2: another port",
        302,
        "location",
        "https://app.example/",
    ),
    (
        "RFC 9110, 10.2.2: another scheme",
        302,
        "location",
        "javascript:alert(1)",
    ),
    ("RFC 7617, 2: prompts", 401, "www-authenticate", "Basic realm=\"x\""),
    (
        "RFC 7616, 3.3: prompts",
        401,
        "www-authenticate",
        "Bearer, DIGEST realm=\"x\"",
    ),
    ("RFC 4559, 4: prompts", 401, "www-authenticate", "Negotiate"),
    ("contract: reserved", 200, "x-alga-tenant", "x"),
    ("contract: unknown", 200, "x-unknown", "x"),
];

#[test]
fn denied_response_headers_never_reach_a_client() {
    for (section, status, name, value) in NEVER_TO_A_CLIENT.iter().copied() {
        assert_eq!(
            to_client(status, &[(name, value)]),
            map(&[]),
            "{name}: {value} ({section})"
        );
    }
}

#[test]
fn the_status_decides_which_headers_and_whether_a_body_is_sent() {
    for (status, name, value) in [
        (206, "content-range", "bytes 0-1/2"),
        (416, "content-range", "bytes */2"),
        (201, "location", "/things/7"),
        (302, "location", "next?page=2"),
        (302, "location", "https://app.example:8443/a"),
        (503, "retry-after", "5"),
        (401, "www-authenticate", "Bearer error=\"invalid_token\""),
        (200, "link", "</a>; rel=next"),
    ] {
        assert_eq!(
            to_client(status, &[(name, value)]),
            map(&[(name, value)]),
            "{status} {name}"
        );
    }
    for (method, status, expected) in [
        ("GET", 200, true),
        ("HEAD", 200, false),
        ("GET", 204, false),
        ("GET", 205, false),
        ("GET", 304, false),
        ("POST", 404, true),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            has_content(&method.parse().unwrap(), status),
            expected,
            "RFC 9110, 6.4.1: {method} {status}"
        );
    }
}

#[test]
fn shared_caching_requires_permission_in_the_manifest() {
    let cached = |value: Option<&str>, is_cacheable| {
        let guest = map(&value
            .map(|value| ("cache-control", value))
            .into_iter()
            .collect::<Vec<_>>());
        let context = ClientContext {
            host: None,
            is_cacheable,
        };
        response_to_client(&guest, StatusCode::OK, context)["cache-control"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(cached(Some("Public, max-age=60"), false), "no-store");
    for (shared, own) in [
        ("Public, max-age=60", "private, max-age=60"),
        (
            "s-maxage=9, max-age=60, must-revalidate",
            "private, max-age=60, must-revalidate",
        ),
        ("private=\"x-ext-a\", max-age=1", "private, max-age=1"),
    ] {
        assert_eq!(cached(Some(shared), true), own, "a URL does not name the tenant");
    }
    assert_eq!(cached(Some("private, max-age=60"), false), "private, max-age=60");
    for shared in [
        "max-age=60, must-revalidate",
        "private=\"x-ext-a\", s-maxage=600",
        "x-private, s-maxage=600",
        "private, s-maxage=1",
        "private, public",
    ] {
        assert_eq!(cached(Some(shared), false), "no-store", "RFC 9111, 5.2.2: {shared}");
    }
    assert_eq!(cached(None, true), "no-store", "RFC 9111, 4.2.2: no heuristic");
}

#[test]
fn connection_headers_are_removed_from_outbound_requests() {
    let mut headers = map(&[
        ("connection", "x-auth, keep-alive"),
        ("x-auth", "1"),
        ("keep-alive", "2"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("transfer-encoding", "chunked"),
        ("content-length", "5"),
        ("upgrade", "h2c"),
        ("accept", "a/b"),
        ("trailer", "x"),
    ]);
    headers.insert(HOST, HeaderValue::from_static("evil"));
    assert_eq!(outbound_request(&mut headers), Ok(Some(5)));
    assert_eq!(headers, map(&[("accept", "a/b")]));
    for bad in [
        &[("content-length", "+5")][..],
        &[("content-length", "5"), ("content-length", "5")],
        &[("content-length", "5, 5")],
        &[("content-length", "")],
        &[("content-length", "-1")],
        &[("content-length", "99999999999999999999")],
    ] {
        assert_eq!(
            outbound_request(&mut map(bad)),
            Err(FieldError::Length),
            "RFC 9110, 8.6: {bad:?}"
        );
    }
}

#[test]
fn cookies_and_credentials_of_an_upstream_do_not_reach_a_guest() {
    let mut headers = map(&[
        ("set-cookie", "a=b"),
        ("set-cookie2", "a"),
        ("authorization", "x"),
        ("connection", "x-a"),
        ("x-a", "b"),
        ("etag", "\"1\""),
    ]);
    inbound_response(&mut headers).unwrap();
    assert_eq!(headers, map(&[("etag", "\"1\"")]));
    let many: Vec<_> = (0..101).map(|_| ("a", "b")).collect();
    assert_eq!(inbound_response(&mut map(&many)), Err(FieldError::TooMany));
}
