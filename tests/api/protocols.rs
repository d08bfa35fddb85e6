//! Attacks on real sockets over HTTP/1.1 and HTTP/2: spoofed fields, smuggling, floods. The gateway
//! is served as in production, with a guest that shows what it received.

use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse};
use alga_server::{ServeLimits, serve};
use axum::body::Body;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const TARGET: &str = "/api/ext/com.example.echoes-the-request/";
/// Value that the guest must not see.
const CANARY: &str = "canary-7f3a";

/// A platform that listens on a socket.
struct Served {
    world: TestPlatform,
    address: SocketAddr,
    token: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Served {
    async fn with(limits: ServeLimits) -> Self {
        let world = TestPlatform::with_settings(&[("gateway_requests_per_second", "100000")]).await;
        world.install_guest("echoes_the_request", &[]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, world.router(), limits, pending()));
        let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
        Self { world, address, token }
    }

    async fn new() -> Self {
        Self::with(ServeLimits::default()).await
    }

    /// Sends a request by a client library.
    async fn ask(&self, protocol: Protocol, fields: &[(&str, &str)]) -> TestResponse {
        let mut request = Request::get(format!("http://a{TARGET}")).header("authorization", &self.token);
        if protocol == Protocol::Http1 {
            request = request.header("host", "a");
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let response: Response<hyper::body::Incoming> = match protocol {
            Protocol::Http1 => {
                let (mut sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await.unwrap()
            }
            Protocol::Http2 => {
                let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await.unwrap()
            }
        };
        let (head, body) = response.into_parts();
        TestResponse {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// Sends bytes and returns everything that the server sends until it closes the connection.
    async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may close the connection before it has read everything.
        stream.write_all(bytes).await.ok();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.ok();
        received
    }

    /// True while a client is served that has nothing to do with an attack.
    async fn is_healthy(&self) -> bool {
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
    for protocol in [Protocol::Http1, Protocol::Http2] {
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
    for protocol in [Protocol::Http1, Protocol::Http2] {
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

/// One HTTP/2 frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A literal field without indexing and without Huffman code (RFC 7541, 6.2.2).
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        match u8::try_from(text.len()) {
            Ok(short @ 0..127) => bytes.push(short),
            _ => {
                let rest = text.len() - 127;
                bytes.extend([
                    127,
                    u8::try_from(rest % 128).unwrap() | 128,
                    u8::try_from(rest / 128).unwrap(),
                ]);
            }
        }
        bytes.extend(text);
    }
    bytes
}

fn fields(of: &[(&[u8], &[u8])]) -> Vec<u8> {
    of.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The beginning of a connection.
fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// Returns kind, flags and payload of the frames that a server sent.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let payload = &rest[..length.min(rest.len())];
        frames.push((head[3], head[4], payload.to_vec()));
        bytes = &rest[length.min(rest.len())..];
    }
    frames
}

/// Covers H3 for HTTP/2, and the forms of RFC 9113, 8.2 and 8.3 that must not be passed on.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_http_2_requests_are_refused_and_never_executed() {
    let served = Served::new().await;
    let target = TARGET.as_bytes();
    let token = served.token.as_bytes();
    let good: [(&[u8], &[u8]); 5] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"a"),
        (b":path", target),
        (b"authorization", token),
    ];
    let with = |more: &[(&[u8], &[u8])]| fields(&[&good[..], more].concat());
    let without = |name: &[u8]| fields(&good.into_iter().filter(|(other, _)| *other != name).collect::<Vec<_>>());
    let cases: Vec<(&str, Vec<u8>, &[u8])> = vec![
        ("transfer-encoding", with(&[(b"transfer-encoding", b"chunked")]), b""),
        ("connection", with(&[(b"connection", b"x-ext-a")]), b""),
        ("keep-alive", with(&[(b"keep-alive", b"timeout=5")]), b""),
        ("upgrade", with(&[(b"upgrade", b"h2c")]), b""),
        ("te", with(&[(b"te", b"gzip")]), b""),
        (
            "line feed in a value",
            with(&[(b"x-ext-a", b"1\r\nx-alga-tenant: globex")]),
            b"",
        ),
        ("nul in a value", with(&[(b"x-ext-a", b"1\0")]), b""),
        ("upper case", with(&[(b"X-Ext-A", b"1")]), b""),
        ("space in a name", with(&[(b"x-ext-a ", b"1")]), b""),
        ("colon in a name", with(&[(b"x:a", b"1")]), b""),
        ("empty name", with(&[(b"", b"1")]), b""),
        (
            "pseudo after regular",
            [with(&[]), field(b":path", b"/x")].concat(),
            b"",
        ),
        ("unknown pseudo", [field(b":x", b"1"), with(&[])].concat(), b""),
        ("two paths", [field(b":path", b"/healthz"), with(&[])].concat(), b""),
        ("two methods", [field(b":method", b"GET"), with(&[])].concat(), b""),
        ("no method", without(b":method"), b""),
        ("no scheme", without(b":scheme"), b""),
        ("no path", without(b":path"), b""),
        ("empty path", [without(b":path"), field(b":path", b"")].concat(), b""),
        (
            "line feed in the path",
            [without(b":path"), field(b":path", b"/a\r\nb")].concat(),
            b"",
        ),
        ("another host", with(&[(b"host", b"b")]), b""),
        ("longer length", with(&[(b"content-length", b"10")]), b"short"),
        ("shorter length", with(&[(b"content-length", b"1")]), b"longer"),
        (
            "two lengths",
            with(&[(b"content-length", b"5"), (b"content-length", b"6")]),
            b"short",
        ),
        ("no number", with(&[(b"content-length", b"five")]), b"short"),
        ("response status", with(&[(b":status", b"200")]), b""),
    ];
    for (name, block, body) in cases {
        let request = [
            preface(),
            frame(HEADERS, END_HEADERS, 1, &block),
            frame(DATA, END_STREAM, 1, body),
            // Ends the connection when the response was sent.
            frame(GOAWAY, 0, 0, &[0; 8]),
        ];
        let received = timeout(Duration::from_secs(20), served.raw(&request.concat())).await;
        for (kind, _, payload) in frames(&received.expect(name)) {
            // 0x88 is `:status: 200` (RFC 7541, appendix A).
            assert!(kind != HEADERS || payload.first() != Some(&0x88), "{name} was executed");
        }
    }
    assert!(served.is_healthy().await);
}

/// Covers H4: each flood ends the connection, or is read without growing memory, while others are
/// served.
#[tokio::test(flavor = "multi_thread")]
async fn floods_of_http_2_frames_do_not_stop_other_clients() {
    let limits = ServeLimits {
        headers: Duration::from_secs(1),
        ..ServeLimits::default()
    };
    let served = Served::with(limits).await;
    let request = fields(&[
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"a"),
        (b":path", TARGET.as_bytes()),
        (b"authorization", served.token.as_bytes()),
    ]);
    let open = |stream: u32, flags: u8| frame(HEADERS, flags, stream, &request);
    let streams = || (0..2_000_u32).map(|number| 2 * number + 1);
    let reset = |stream: u32| {
        [
            open(stream, END_HEADERS | END_STREAM),
            frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        ]
        .concat()
    };
    let continuation = [
        open(1, 0),
        (0..20_000)
            .flat_map(|_| frame(CONTINUATION, 0, 1, &field(b"x-ext-a", &[b'a'; 100])))
            .collect(),
    ]
    .concat();
    let empty = [
        open(1, END_HEADERS),
        (0..200_000).flat_map(|_| frame(DATA, 0, 1, &[])).collect(),
    ]
    .concat();
    let floods: [(&str, Vec<u8>, bool); 6] = [
        ("rapid reset", streams().flat_map(reset).collect(), true),
        ("continuation", continuation, true),
        (
            "too many streams",
            streams().flat_map(|stream| open(stream, END_HEADERS)).collect(),
            false,
        ),
        (
            "ping",
            (0..100_000).flat_map(|_| frame(PING, 0, 0, &[0; 8])).collect(),
            false,
        ),
        (
            "settings",
            (0..100_000).flat_map(|_| frame(SETTINGS, 0, 0, &[])).collect(),
            false,
        ),
        ("empty data", empty, false),
    ];
    for (name, flood, is_refused) in floods {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let send = async {
            writer.write_all(&preface()).await.ok();
            writer.write_all(&flood).await.is_ok()
        };
        // Reads like a client that is too slow, so that the server cannot answer everything.
        let read = async {
            let mut bytes = vec![0; 64 * 1024];
            let mut received = Vec::new();
            while let Ok(length @ 1..) = reader.read(&mut bytes).await {
                if received.len() < 16 * 1024 * 1024 {
                    received.extend_from_slice(&bytes[..length]);
                }
            }
            received
        };
        let attack = async {
            let (_, received) = tokio::join!(send, read);
            received
        };
        let healthy = async {
            for _ in 0..10 {
                assert!(served.is_healthy().await, "{name}");
            }
        };
        if is_refused {
            let attack = timeout(Duration::from_secs(20), attack);
            let (received, ()) = tokio::join!(attack, healthy);
            let frames = frames(&received.expect("the connection is closed"));
            assert!(frames.iter().any(|(kind, ..)| *kind == GOAWAY), "{name}");
        } else {
            // The attack goes on as long as others are served.
            tokio::select! {
                _ = async { attack.await; pending::<()>().await } => {}
                () = healthy => {}
            }
        }
    }
    let used = served.world.platform().execute().unwrap();
    assert!(used.is_ready());
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
