//! A gateway passes the registry's routes on, and adds no right.

use alga_gateway::registry_routes;
use alga_harness::{TestPlatform, TestResponse, request_over_protocol};
use alga_http::edge;
use alga_registry_types::{Part, form, publish};
use alga_server::{ServeLimits, serve};
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::any;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use std::future::pending;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Serves these routes, and returns those of a gateway that passes requests on to them.
async fn gateway_before(routes: Router) -> Router {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, routes, ServeLimits::default(), pending()));
    edge(registry_routes(&url, &[]).unwrap())
}

async fn send(gateway: &Router, request: http::request::Builder, body: impl Into<Body>) -> TestResponse {
    let request = request.body(body.into()).unwrap();
    let (head, body) = request_over_protocol(gateway, request).await.into_parts();
    TestResponse {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_are_published_and_refused_as_at_the_registry_itself() {
    let world = TestPlatform::new().await;
    let gateway = gateway_before(world.router()).await;
    let release = world.release("com.example.answers-ok", "1.0.0", "answers_ok");
    let operation = publish(form(&[
        Part::field("bundle", &release.bundle),
        Part::field("signatures", &release.signatures),
    ]));
    let request = |token: &str| {
        Request::builder()
            .method(operation.method)
            .uri(&operation.path)
            .header("host", "alga.test")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", &operation.body.content_type)
            .header("x-request-id", "r-1")
    };
    let refused = send(&gateway, request("x"), operation.body.bytes.clone()).await;
    refused.assert_error(401, "unauthenticated");
    assert_eq!(refused.json()["requestId"], "r-1");
    let published = send(
        &gateway,
        request(world.administrator_token()),
        operation.body.bytes.clone(),
    )
    .await;
    assert_eq!(published.status, 201, "{}", published.text());
    // Nothing else of the other process can be reached.
    for path in [
        "/v1/execute",
        "/v1/http/",
        "/v1/drain",
        "/metrics",
        "/readyz",
        "/v1/registry",
    ] {
        send(&gateway, Request::post(path), "")
            .await
            .assert_error(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_receives_the_clients_host_and_fields_but_not_those_of_its_connection() {
    let routes = Router::new().route(
        "/auth/{*path}",
        any(|headers: HeaderMap| async move {
            let list = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
            (
                [("connection", "x-own"), ("x-own", "1"), ("set-cookie", "a=1")],
                list.collect::<String>(),
            )
        }),
    );
    let gateway = gateway_before(routes).await;
    let request = Request::post("/auth/logout?a=%2F")
        .header("host", "alga.test:1")
        .header("cookie", "c=1")
        .header("cookie", "d=2")
        .header("connection", "x-hop, x-alga-csrf-not")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("expect", "100-continue")
        .header("upgrade", "h2c")
        .header("x-alga-csrf", "t");
    let response = send(&gateway, request, "").await;
    assert_eq!(response.status, 200);
    let text = response.text();
    for expected in [
        "host: alga.test:1\n",
        "cookie: c=1\n",
        "cookie: d=2\n",
        "x-alga-csrf: t\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    for removed in ["x-hop", "connection", "expect", "upgrade", "te:"] {
        assert!(!text.contains(removed), "{text}");
    }
    assert!(response.headers.contains_key("set-cookie") && !response.headers.contains_key("x-own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_is_reported_and_its_errors_are_its_own() {
    let routes = Router::new().route(
        "/auth/{*path}",
        any(|| async { (http::StatusCode::NOT_FOUND, "own").into_response() }),
    );
    let gateway = gateway_before(routes).await;
    let response = send(&gateway, Request::get("/auth/x"), "").await;
    assert_eq!((response.status.as_u16(), response.text().as_str()), (404, "own"));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = edge(registry_routes(&format!("http://{closed}"), &[]).unwrap());
    let response = send(&gateway, Request::get("/v1/registry/audit"), "").await;
    response.assert_error(503, "overloaded");
    assert_eq!(response.headers["retry-after"], "1");
    for url in ["", "registry:8700", "http://registry/path"] {
        assert!(registry_routes(url, &[]).is_err(), "{url}");
    }
    assert!(registry_routes("https://registry", &[vec![0]]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_256_are_refused_while_the_registry_does_not_respond() {
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let handler = {
        let (gate, arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
        move || async move {
            arrived.add_permits(1);
            drop(gate.acquire().await.unwrap());
        }
    };
    let gateway = gateway_before(Router::new().route("/auth/{*path}", any(handler))).await;
    let waiting: Vec<_> = (0..256)
        .map(|_| {
            let gateway = gateway.clone();
            tokio::spawn(async move { send(&gateway, Request::get("/auth/x"), "").await.status })
        })
        .collect();
    drop(arrived.acquire_many(256).await.unwrap());
    send(&gateway, Request::get("/auth/x"), "")
        .await
        .assert_error(503, "overloaded");
    gate.add_permits(1);
    for task in waiting {
        assert_eq!(task.await.unwrap(), 200);
    }
    assert_eq!(send(&gateway, Request::get("/auth/x"), "").await.status, 200);
}
