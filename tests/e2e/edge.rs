//! The HTTP edge over a real socket: requests that no client library would send.

use crate::{empty_server, hello_in, publish_and_install};
use alga_harness::Server;
use serde_json::Value;
use tempfile::TempDir;

/// Splits a response into status, headers and JSON.
fn parts(response: &str) -> (u16, String, Value) {
    let (head, body) = response
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no response: {response:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        head.to_ascii_lowercase(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

fn is_refused(server: &Server, request: &[u8], status: u16, code: &str) {
    let response = server.raw(request);
    let request = String::from_utf8_lossy(request);
    let (got, head, json) = parts(&response);
    assert_eq!(
        (got, json["error"].as_str()),
        (status, Some(code)),
        "{request:?}: {response}"
    );
    assert!(
        json["message"].is_string() && head.contains("cache-control: no-store"),
        "{response}"
    );
    let id = json["requestId"].as_str().unwrap();
    assert!(
        head.contains(&format!("x-request-id: {id}").to_ascii_lowercase()),
        "{response}"
    );
}

#[test]
fn a_request_without_exactly_one_valid_host_gets_the_standard_error() {
    let (_directory, server) = empty_server();
    for hosts in [
        "",
        "host: a\r\nhost: b\r\n",
        "host: a\r\nhost: a\r\n",
        "host: a b/c\r\n",
        "host: http://a\r\n",
        "host: a@b\r\n",
    ] {
        for path in ["/healthz", "/api/ext/com.example.hello/", "/nowhere"] {
            let request = format!("GET {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
            is_refused(&server, request.as_bytes(), 400, "bad_request");
        }
    }
    let old = server.raw(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert!(old.contains("200 OK"), "HTTP/1.0 needs none: {old}");
}

#[test]
fn a_body_that_is_not_framed_as_http_requires_is_a_bad_request_everywhere() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    publish_and_install(&directory, &server, "demo");
    let operator = std::fs::read_to_string(directory.join("alga-data/admin.token")).unwrap();
    let operator = format!("authorization: Bearer {}\r\n", operator.trim());
    for body in [
        "3\r\nabcX\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "1_0\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
    ] {
        for (path, kind, credential) in [
            ("/api/ext/com.example.hello/hello/you", "application/json", ""),
            (
                "/v1/registry/tenants/demo/installs",
                "application/json",
                operator.as_str(),
            ),
        ] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\n{credential}content-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{body}"
            );
            let response = server.raw(request.as_bytes());
            let (status, _, json) = parts(&response);
            // The example has no endpoint for POST; the method is checked before the body is read.
            let expected = if path.starts_with("/api") {
                (405, "method_not_allowed")
            } else {
                (400, "bad_request")
            };
            assert_eq!(
                (status, json["error"].as_str().unwrap_or_default()),
                expected,
                "{path} {body:?}: {response}"
            );
        }
    }
    for (path, status, code) in [("/nowhere", 404, "not_found"), ("/healthz", 405, "method_not_allowed")] {
        let request = format!("DELETE {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        is_refused(&server, request.as_bytes(), status, code);
    }
}

#[test]
fn unparsable_requests_get_the_standard_error() {
    let (_directory, server) = empty_server();
    let request = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (text, status, code) in [
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), 400, "bad_request"),
        ("GET\r\n\r\n".to_owned(), 400, "bad_request"),
        ("GET / HTTP/9.9\r\nhost: a\r\n\r\n".to_owned(), 400, "bad_request"),
        ("G@T / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 400, "bad_request"),
        (request("/healthz", "a b: 1\r\n"), 400, "bad_request"),
        (request("/healthz", "x: a\u{0}b\r\n"), 400, "bad_request"),
        (request("/healthz", " folded: 1\r\n"), 400, "bad_request"),
        (request("/healthz", "x: 1\r\n folded\r\n"), 400, "bad_request"),
        (
            request("/healthz", "content-length: 1\r\ncontent-length: 2\r\n"),
            400,
            "bad_request",
        ),
        (request("/healthz", "content-length: -1\r\n"), 400, "bad_request"),
        (request(&format!("/{}", "a".repeat(70_000)), ""), 414, "uri_too_long"),
        (request("/healthz", &many), 431, "headers_too_large"),
    ] {
        is_refused(&server, text.as_bytes(), status, code);
        // The same after a valid request on the same connection, whose response comes first and
        // unchanged.
        let both = format!("{}{text}", request("/healthz", ""));
        let response = server.raw(both.as_bytes());
        let (first, second) = response.split_once("ok\n").unwrap();
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        let (got, _, json) = parts(second);
        assert_eq!(
            (got, json["error"].as_str()),
            (status, Some(code)),
            "{text:.80?}: {response}"
        );
    }
    is_refused(&server, b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request");
}
