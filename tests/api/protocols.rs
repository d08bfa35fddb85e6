//! Attacks on real sockets over HTTP/1.1 and HTTP/2: spoofed fields, smuggling. The gateway is
//! served as in production, with a guest that shows what it received.

use crate::http2_attacks;
use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse};
use alga_server::{ServeLimits, serve};
use axum::body::Body;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TARGET: &str = "/api/ext/com.example.echoes-the-request/";
/// Value that the guest must not see.
const CANARY: &str = "canary-7f3a";

/// A platform that listens on a socket.
pub(crate) struct Served {
    pub(crate) world: TestPlatform,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A connection of a client library.
pub(crate) enum Client {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Client {
    pub(crate) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

impl Served {
    /// Serves a guest to the gateway's callers.
    pub(crate) async fn of(guest: &str, settings: &[(&str, &str)], limits: ServeLimits) -> Self {
        let world = TestPlatform::with_settings(settings).await;
        world.install_guest(guest, &[]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, world.router(), limits, pending()));
        Self {
            token: format!("Bearer {}", world.caller_token("acme", Access::Write)),
            target: format!("/api/ext/com.example.{}/", guest.replace('_', "-")),
            world,
            address,
        }
    }

    pub(crate) async fn with(limits: ServeLimits) -> Self {
        let served = Self::of(
            "echoes_the_request",
            &[("gateway_requests_per_second", "100000")],
            limits,
        )
        .await;
        assert_eq!(served.target, TARGET);
        served
    }

    pub(crate) async fn new() -> Self {
        Self::with(ServeLimits::default()).await
    }

    pub(crate) async fn connect(&self, protocol: Protocol) -> Client {
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                Client::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                Client::Http2(sender)
            }
        }
    }

    /// Begins a request to a path of the guest, which is valid for both protocols.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a{}{path}", self.target));
        request.header("authorization", &self.token).header("host", "a")
    }

    /// Returns the bytes of a GET request on a new connection, which asks for more than the
    /// client will read.
    pub(crate) fn raw_request(&self, protocol: Protocol, path: &str) -> Vec<u8> {
        let target = format!("{}{path}", self.target);
        match protocol {
            Protocol::Http1 => format!(
                "GET {target} HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\n\r\n",
                self.token
            )
            .into_bytes(),
            Protocol::Http2 => http2_attacks::get(&target, &self.token),
        }
    }

    /// Sends a request that must succeed soon, also if a slot of the pool is not free yet.
    pub(crate) async fn get_ok(&self, protocol: Protocol, path: &str) {
        let mut last = String::new();
        for _ in 0..1000 {
            let request = self.request("GET", path).body(Body::empty()).unwrap();
            let (head, body) = self.connect(protocol).await.send(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            if head.status == 200 {
                return;
            }
            last = String::from_utf8_lossy(&body).into_owned();
            assert!(last.contains("overloaded") || last.contains("rate_limited"), "{last}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{last}");
    }

    /// Sends a request by a client library.
    async fn ask(&self, protocol: Protocol, fields: &[(&str, &str)]) -> TestResponse {
        let mut request = self.request("GET", "");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (head, body) = self.connect(protocol).await.send(request).await.unwrap().into_parts();
        TestResponse {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// Sends bytes and returns everything that the server sends until it closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may close the connection before it has read everything.
        stream.write_all(bytes).await.ok();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.ok();
        received
    }

    /// True while a client is served that has nothing to do with an attack.
    pub(crate) async fn is_healthy(&self) -> bool {
        self.ask(Protocol::Http1, &[]).await.status == 200 && self.ask(Protocol::Http2, &[]).await.status == 200
    }
}

/// Returns the fields that the guest received.
fn seen(response: &TestResponse) -> Vec<(String, String)> {
    let json: Value = serde_json::from_slice(&response.body).unwrap();
    serde_json::from_value(json["headers"].clone()).unwrap()
}

/// Covers H1 and H2.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_reserved_field_reaches_the_guest() {
    let served = Served::new().await;
    for protocol in PROTOCOLS {
        for name in [
            "x-alga-extension",
            "x-alga-install",
            "x-alga-user",
            "x-alga-admin",
            "x-alga-error",
            "x-alga-replayed",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "forwarded",
            "x-real-ip",
            "via",
            "authorization_",
            "cookie",
            "proxy-authorization",
            "x_alga_tenant",
            "x-ext_a",
            "x-alga_tenant",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x-amzn-trace-id",
            "sec-fetch-site",
        ] {
            for times in [1, 2] {
                let spellings = match protocol {
                    Protocol::Http1 => vec![name.to_owned(), name.to_uppercase()],
                    Protocol::Http2 => vec![name.to_owned()],
                };
                for spelling in spellings {
                    let fields = vec![(spelling.as_str(), CANARY); times];
                    let response = served.ask(protocol, &fields).await;
                    assert_eq!(response.status, 200, "{protocol:?} {spelling}: {}", response.text());
                    assert!(
                        !response.text().contains(CANARY),
                        "{protocol:?} {spelling}: {}",
                        response.text()
                    );
                }
            }
        }
        // What is the extension's own, and what the platform sets, does arrive.
        let response = served.ask(protocol, &[("x-ext-own", "1"), ("x-ext-own", "2")]).await;
        let fields = seen(&response);
        let own: Vec<_> = fields.iter().filter(|(name, _)| name == "x-ext-own").collect();
        assert_eq!(own.len(), 2);
        assert!(fields.contains(&("x-alga-tenant".to_owned(), "acme".to_owned())));
        assert!(!response.text().contains(served.token.trim_start_matches("Bearer ")));
        // A tenant that disagrees with the token is refused; the same one twice is ambiguous.
        for (values, status) in [
            (&["globex"][..], 403),
            (&["acme"], 200),
            (&["acme", "acme"], 400),
            (&["acme", "globex"], 400),
        ] {
            let fields: Vec<_> = values.iter().map(|value| ("x-alga-tenant", *value)).collect();
            assert_eq!(
                served.ask(protocol, &fields).await.status,
                status,
                "{protocol:?} {values:?}"
            );
        }
    }
}

/// Covers H7.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_that_is_not_one_is_replaced() {
    let served = Served::new().await;
    let long = "a".repeat(65);
    for protocol in PROTOCOLS {
        for id in [
            "a b",
            "{\"a\":1}",
            "a\tb",
            "é",
            "",
            &long,
            "\u{1b}[31m".trim_start_matches('\u{1b}'),
        ] {
            let response = served.ask(protocol, &[("x-request-id", id)]).await;
            let own = response.headers["x-request-id"].to_str().unwrap();
            assert!(
                own != id && !own.is_empty() && own.len() <= 64,
                "{protocol:?} {id:?}: {own}"
            );
        }
        let response = served.ask(protocol, &[("x-request-id", "r-1")]).await;
        assert_eq!(response.headers["x-request-id"], "r-1");
    }
}

/// Covers H3 for HTTP/1.1. The second request in the bytes must never be executed.
#[tokio::test(flavor = "multi_thread")]
async fn requests_whose_end_is_ambiguous_are_refused_and_close_the_connection() {
    let served = Served::new().await;
    let token = &served.token;
    let smuggled = format!("GET {TARGET}smuggled HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\r\n");
    let length = smuggled.len();
    for (framing, body) in [
        (
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            "transfer-encoding: chunked, identity\r\n".to_owned(),
            format!("0\r\n\r\n{smuggled}"),
        ),
        ("transfer-encoding: identity\r\n".to_owned(), smuggled.clone()),
        (
            "transfer-encoding: xchunked\r\n".to_owned(),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            "transfer-encoding : chunked\r\n".to_owned(),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            " transfer-encoding: chunked\r\n".to_owned(),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            "transfer-encoding:\r\n chunked\r\n".to_owned(),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n".to_owned(),
            format!("0\r\n\r\n{smuggled}"),
        ),
        (
            format!("content-length: 0\r\ncontent-length: {length}\r\n"),
            smuggled.clone(),
        ),
        (format!("content-length: {length}, {length}\r\n"), smuggled.clone()),
        ("content-length: +0\r\n".to_owned(), smuggled.clone()),
        ("content-length: -1\r\n".to_owned(), smuggled.clone()),
        ("content-length: 0x0\r\n".to_owned(), smuggled.clone()),
        (
            "content-length: 99999999999999999999999\r\n".to_owned(),
            smuggled.clone(),
        ),
    ] {
        let request = format!("POST {TARGET} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n{framing}\r\n{body}");
        let received = served.raw(request.as_bytes()).await;
        let text = String::from_utf8_lossy(&received);
        assert!(!text.contains("smuggled"), "{framing:?}: {text}");
        // With both fields, hyper uses `transfer-encoding` and closes (RFC 9112, 6.1).
        let has_both = framing.contains("content-length") && framing.contains("chunked");
        let expected = if has_both { "HTTP/1.1 200" } else { "HTTP/1.1 400" };
        assert!(text.starts_with(expected), "{framing:?}: {text}");
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{framing:?}: {text}");
    }
    assert!(served.is_healthy().await);
}

/// Covers U2 and H3: a target with an authority names the same host as the field.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_of_another_host_than_the_field_is_refused() {
    let served = Served::new().await;
    let token = &served.token;
    for (authority, host, status) in [
        ("", "a", 200),
        ("http://a", "a", 200),
        ("http://A:80", "a:80", 200),
        ("http://b", "a", 400),
        ("http://a:81", "a:80", 400),
        ("http://user@a", "a", 400),
        ("http://user@a", "user@a", 400),
        ("//a", "a", 404),
        ("a", "a", 400),
    ] {
        let fields = format!("host: {host}\r\nauthorization: {token}\r\nconnection: close\r\n");
        let request = format!("GET {authority}{TARGET} HTTP/1.1\r\n{fields}\r\n");
        let received = served.raw(request.as_bytes()).await;
        let text = String::from_utf8_lossy(&received);
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{authority} {host}: {text}"
        );
    }
    // Without the field, HTTP/1.1 has no host, whatever the target is (RFC 9112, 3.2).
    let request = format!("GET http://a{TARGET} HTTP/1.1\r\nauthorization: {token}\r\n\r\n");
    assert!(served.raw(request.as_bytes()).await.starts_with(b"HTTP/1.1 400 "));
}

/// Covers H17.
#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_reveals_how_the_platform_is_built() {
    let served = Served::new().await;
    let secret = [
        ".rs:", "panicked", "sqlx", "SELECT", "/home", "/root", "/tmp", "rustc", "thread '",
    ];
    for target in [
        TARGET,
        "/api/ext/x/y",
        "/v1/registry/audit",
        "/v1/http/",
        "/metrics",
        "/nowhere",
    ] {
        for token in [
            "",
            "Bearer x",
            "Bearer v4.public.AAAA",
            "Bearer eyJhbGciOiJub25lIn0.e30.",
            "Basic YTpi",
        ] {
            let mut headers = HeaderMap::new();
            if !token.is_empty() {
                headers.insert("authorization", token.parse().unwrap());
            }
            let mut request = Request::post(target).body(Body::from("{")).unwrap();
            *request.headers_mut() = headers;
            let response = served.world.send(request).await;
            let text = response.text();
            assert!(response.status.is_client_error(), "{target} {token}");
            assert!(!secret.iter().any(|secret| text.contains(secret)), "{text}");
        }
    }
}
