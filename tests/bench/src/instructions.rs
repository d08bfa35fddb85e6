//! The workload whose instructions `cargo xtask bench regress` counts: requests to one entry, in
//! process, one after the other on one thread.

use crate::servers::proxy_component;
use alga_auth::{Access, CallContext, ServiceGrant};
use alga_harness::{Release, TestPlatform};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use std::time::Duration;
use tower::ServiceExt;

const NAME: &str = "com.example.bench";
/// A program beneath callgrind is about 50 times slower: no limit of time may end it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends this many requests to an entry.
pub(crate) fn run(entry: &str, requests: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(send(entry, requests));
}

async fn send(entry: &str, requests: usize) {
    let timeout_ms = PATIENCE.as_millis().to_string();
    let settings = [
        // Callgrind has little address space.
        ("pool", "4"),
        ("gateway_requests_per_second", "1000000"),
        ("gateway_timeout_ms", &timeout_ms),
    ];
    let world = TestPlatform::with_settings(&settings).await;
    let release = Release::new(world.key(), &Release::manifest(NAME, "1.0.0", &[]), &proxy_component());
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    let execute = world.request_for(&install).on("GET", "/");
    let grant = ServiceGrant {
        call: Some(Box::new(CallContext::default())),
        ..world.grant_for(&install)
    };
    let (target, token, body) = match entry {
        "/v1/http" => ("/v1/http/".to_owned(), world.service_token(&grant), String::new()),
        "/v1/execute" => (
            entry.to_owned(),
            world.token_for(&execute).unwrap_or_default(),
            execute.body.to_string(),
        ),
        _ => (
            format!("/api/ext/{NAME}/"),
            world.caller_token("acme", Access::Write),
            String::new(),
        ),
    };
    let router = world.router();
    for _ in 0..requests {
        one(&router, &target, &token, &body).await;
    }
}

async fn one(router: &Router, target: &str, token: &str, body: &str) {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "bench")
        .header("authorization", format!("Bearer {token}"))
        .header("x-alga-tenant", "acme")
        .header("x-alga-extension", NAME)
        .header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
}
