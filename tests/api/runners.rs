//! A runner over the network gives the same responses as one in this process, whatever the guest
//! does.

use alga_auth::Access;
use alga_harness::{TestPlatform, request_over_protocol, try_request_over_protocol};
use alga_server::{ServeLimits, serve};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

type Response = (StatusCode, BTreeMap<String, Vec<u8>>, Option<Vec<u8>>);

/// Sends a request; returns status, fields and body of the response, which may be interrupted.
async fn ask(world: &TestPlatform, gateway: &Router, method: &str, target: &str) -> Response {
    let token = world.caller_token("acme", Access::Write);
    let request = Request::builder().method(method).uri(format!("/api/ext/{target}"));
    let request = request
        .header("authorization", format!("Bearer {token}"))
        .header("x-request-id", "r-1")
        .header("x-ext-own", "own");
    let body = if method == "POST" { "the body" } else { "" };
    let request = request.body(Body::from(body)).unwrap();
    // HTTP/2 resets the stream of a response that fails; if that is soon, without the head.
    let Ok(response) = try_request_over_protocol(gateway, request).await else {
        return (StatusCode::OK, BTreeMap::new(), None);
    };
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
    (head.status, fields(&head.headers), body)
}

/// Returns the fields that do not depend on time or on the gateway's settings. The length does: it
/// is known if the response was complete when its head was sent.
fn fields(headers: &HeaderMap) -> BTreeMap<String, Vec<u8>> {
    let fields = headers.iter().filter(|(name, _)| {
        ![
            "server-timing",
            "date",
            "content-length",
            "ratelimit",
            "ratelimit-policy",
        ]
        .contains(&name.as_str())
    });
    fields
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_runners_give_the_same_response_to_every_request() {
    let world = TestPlatform::new().await;
    for (guest, grants) in [
        ("answers_as_the_path_says", &[][..]),
        ("echoes_the_request", &[]),
        ("user_works", &[]),
        ("context_works", &[]),
        ("traps", &[]),
        ("returns_without_response", &[]),
    ] {
        world.install_guest(guest, grants).await;
    }
    let remote = world.remote_gateway().await;
    let paths = [
        "status-101",
        "status-999",
        "headers-101",
        "headers-large",
        "header-bytes",
        "name",
        "gzip",
        "not-modified",
        "no-content-with-a-body",
        "no-trailers",
        "trap-after",
        "trap-within",
        "body-without-end",
        "body-not-finished",
        "body-shorter-than-said",
        "trailers",
        "cookie",
        "",
    ];
    let own = paths
        .iter()
        .map(|path| ("GET", format!("com.example.answers-as-the-path-says/{path}")));
    let others = [
        ("HEAD", "com.example.answers-as-the-path-says/gzip"),
        ("OPTIONS", "com.example.answers-as-the-path-says/gzip"),
        ("PATCH", "com.example.answers-as-the-path-says/gzip"),
        ("GET", "com.example.echoes-the-request/a%20b?x=1&x=%C3%A9"),
        ("POST", "com.example.echoes-the-request/a"),
        ("GET", "com.example.user-works/"),
        ("GET", "com.example.context-works/"),
        ("GET", "com.example.traps/"),
        ("GET", "com.example.returns-without-response/"),
        ("GET", "com.example.never-was/"),
    ];
    let others = others.map(|(method, target)| (method, target.to_owned()));
    for (method, target) in own.chain(others) {
        let local = ask(&world, &world.router(), method, &target).await;
        let remote = ask(&world, &remote, method, &target).await;
        let both_interrupted = is_interrupted(&local) && is_interrupted(&remote);
        assert!(
            both_interrupted || local == remote,
            "{method} {target}: {local:?} {remote:?}"
        );
    }
}

/// True if the guest did not complete its response: its head is sent if the guest happened to wait
/// before it failed.
fn is_interrupted((status, _, body): &Response) -> bool {
    match body {
        None => *status == 200,
        Some(_) => *status == 502,
    }
}

/// Serves these routes and returns their URL.
async fn serving(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, routes, ServeLimits::default(), std::future::pending()));
    url
}

/// Serves these routes and returns a gateway that has them for its runner.
async fn gateway_of_routes(world: &TestPlatform, routes: Router) -> Router {
    world.gateway_of(&serving(routes).await)
}

/// Returns status and body of a refusal, and whether a client may repeat its request.
async fn refusal(world: &TestPlatform, gateway: &Router) -> (StatusCode, String, bool) {
    let (status, fields, body) = ask(world, gateway, "POST", "com.example.answers-ok/").await;
    let body = String::from_utf8(body.unwrap()).unwrap();
    (status, body, fields.contains_key("retry-after"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_does_not_come_from_a_runner_is_not_passed_on() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let proxy = Router::new().fallback(|| async { "sign in to the proxy" });
    let gateway = gateway_of_routes(&world, proxy).await;
    let (status, body, _) = refusal(&world, &gateway).await;
    assert_eq!(status, 500);
    assert!(body.contains("\"internal\"") && !body.contains("proxy"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_a_runner_resets_is_an_interrupted_response() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(connection).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
        }
    });
    let (status, body, may_repeat) = refusal(&world, &world.gateway_of(&url)).await;
    assert_eq!((status.as_u16(), may_repeat), (502, false), "{body}");
    assert!(body.contains("\"invalid_guest_response\""), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_does_not_respond_is_not_waited_for_after_the_deadline() {
    let world = TestPlatform::with_settings(&[("gateway_timeout_ms", "100")]).await;
    world.install_guest("answers_ok", &[]).await;
    let silent = Router::new().fallback(std::future::pending::<()>);
    let gateway = gateway_of_routes(&world, silent).await;
    let (status, _, may_repeat) = refusal(&world, &gateway).await;
    assert_eq!((status.as_u16(), may_repeat), (500, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_request_that_reached_no_runner_may_be_repeated() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = world.gateway_of(&format!("http://{}", listener.local_addr().unwrap()));
    // It accepts the connection, receives the request, and fails.
    let failing = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
    });
    let (status, _, may_repeat) = refusal(&world, &gateway).await;
    assert_eq!((status.as_u16(), may_repeat), (500, false));
    failing.await.unwrap();
    // Nothing listens any more.
    let (status, body, may_repeat) = refusal(&world, &gateway).await;
    assert_eq!((status.as_u16(), may_repeat), (503, true), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_draining_runner_refused_is_sent_to_the_next_one() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let draining = || async { (StatusCode::SERVICE_UNAVAILABLE, [("x-alga-error", "draining")], "{}") };
    let (draining, running) = (
        serving(Router::new().fallback(draining)).await,
        serving(world.router()).await,
    );
    let gateway = world.gateway_of(&format!("{draining},{running}"));
    for _ in 0..2 {
        let (status, ..) = ask(&world, &gateway, "GET", "com.example.answers-ok/").await;
        assert_eq!(status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_runner_is_asked_again_only_for_requests_that_may_be_repeated() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let busy = move || {
        count.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"code":"overloaded","message":"busy","blame":"operator","request_id":"r-1"}"#;
        std::future::ready((StatusCode::SERVICE_UNAVAILABLE, [("x-alga-error", "overloaded")], body))
    };
    let gateway = gateway_of_routes(&world, Router::new().fallback(busy)).await;
    let token = world.caller_token("acme", Access::Write);
    for (method, key, expected) in [
        ("GET", None, 3),
        ("PUT", None, 3),
        ("POST", None, 1),
        ("POST", Some("k"), 3),
    ] {
        let request = Request::builder()
            .method(method)
            .uri("/api/ext/com.example.answers-ok/");
        let mut request = request.header("authorization", format!("Bearer {token}"));
        if let Some(key) = key {
            request = request.header("x-idempotency-key", key);
        }
        asked.store(0, Ordering::Relaxed);
        let request = request.body(Body::from("b")).unwrap();
        let response = request_over_protocol(&gateway, request).await;
        assert_eq!(
            (response.status().as_u16(), asked.load(Ordering::Relaxed)),
            (503, expected),
            "{method} {key:?}"
        );
    }
}
