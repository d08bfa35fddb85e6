//! The workload whose instructions `cargo xtask bench regress` counts: requests to one entry, in
//! process, one after the other on one thread.

use crate::servers::proxy_component;
use alga_auth::{Access, CallContext, ServiceGrant};
use alga_harness::{Release, TestPlatform};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use std::path::Path;
use std::time::Duration;
use tower::ServiceExt;

const NAME: &str = "com.example.bench";
/// A program beneath callgrind is about 50 times slower: no limit of time may end it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Requests before perf begins.
const WARM_UP: usize = 1_000;

/// Sends this many requests to an entry. With a pipe to perf, those come after others, and the id
/// of this process is printed, after which perf's map of functions is named.
pub(crate) fn run(entry: &str, requests: usize, control: Option<&Path>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(send(entry, requests, control));
}

async fn send(entry: &str, requests: usize, control: Option<&Path>) {
    let timeout_ms = PATIENCE.as_millis().to_string();
    let is_mapped = control.is_some().to_string();
    let settings = [
        ("perf", is_mapped.as_str()),
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
    let order = match entry {
        "/v1/http" => Order {
            target: "/v1/http/".to_owned(),
            token: world.service_token(&grant),
            extension: String::new(),
            body: String::new(),
        },
        "/v1/execute" => Order {
            target: entry.to_owned(),
            token: world.token_for(&execute).unwrap_or_default(),
            extension: execute.extension.clone(),
            body: execute.body.to_string(),
        },
        _ => Order {
            target: format!("/api/ext/{NAME}/"),
            token: world.caller_token("acme", Access::Write),
            extension: String::new(),
            body: String::new(),
        },
    };
    let router = world.router();
    if let Some(control) = control {
        for _ in 0..WARM_UP {
            one(&router, &order).await;
        }
        std::fs::write(control, "enable\n").unwrap();
        println!("{}", std::process::id());
    }
    for _ in 0..requests {
        one(&router, &order).await;
    }
}

/// What each request sends.
struct Order {
    target: String,
    token: String,
    extension: String,
    body: String,
}

async fn one(router: &Router, order: &Order) {
    let Order {
        target,
        token,
        extension,
        body,
    } = order;
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "bench")
        .header("authorization", format!("Bearer {token}"))
        .header("x-alga-tenant", "acme")
        .header("x-alga-extension", extension)
        .header("content-type", "application/json");
    let request = request.body(Body::from(body.clone())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
}
