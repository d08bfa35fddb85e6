use alga_harness::{ExecuteRequest, Release, TestPlatform, component, root, tenant_id};
use alga_registry_types::{InstallRequest, install, show_version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn a_guest_responds_and_the_reply_has_its_usage() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let first = world.execute(&request).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.json()["status"], 200);
    assert_eq!(first.guest_body(), "ok");
    assert_eq!(first.json()["headers"]["content-type"], "text/plain; charset=utf-8");
    assert_eq!(first.headers["cache-control"], "no-store");
    assert!(
        first.usage("memory_peak_bytes") >= 64 * 1024
            && first.usage("host_calls") > 3
            && first.usage("duration_us") > 0
    );
    assert_eq!(first.json()["usage"]["cold"], true);
    assert_eq!(world.execute(&request).await.json()["usage"]["cold"], false);
}

#[tokio::test]
async fn the_guest_sees_method_path_query_headers_and_body_as_sent() {
    let world = TestPlatform::new().await;
    let request = world
        .with_guest("echoes_the_request", &[])
        .await
        .on("PUT", "/a/b%20c")
        .with("/context/request_id", json!("my-request.1"))
        .with("/http/query", json!({ "k": ["1", "2"], "x": "a b" }))
        .with(
            "/http/headers",
            json!({ "accept": "text/html", "x-many": ["1", "2"], "content-length": "999", "connection": "close" }),
        )
        .with("/http/body_b64", json!("aGVsbG8="));
    let response = world.execute(&request).await;
    assert_eq!(response.json()["request_id"], "my-request.1");
    let seen: serde_json::Value = serde_json::from_str(&response.guest_body()).unwrap();
    assert_eq!(seen["method"], "Method::Put");
    assert_eq!(seen["target"], "/a/b%20c?k=1&k=2&x=a%20b");
    assert_eq!(seen["body"], "hello");
    let headers = json!([
        ["accept", "text/html"],
        ["content-length", "5"],
        ["x-many", "1"],
        ["x-many", "2"],
        ["x-request-id", "my-request.1"]
    ]);
    assert_eq!(seen["headers"], headers);
}

/// The stack of a guest is small, since it is wiped after every request, but must suffice for the
/// nesting depth that `serde_json` allows.
#[tokio::test]
async fn a_guest_parses_json_up_to_the_nesting_limit_of_its_parser() {
    let world = TestPlatform::new().await;
    let guest = world.with_guest("reads_deep_json", &[]).await;
    let nested = |depth: usize| {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        guest
            .clone()
            .on("POST", "/")
            .with("/http/body_b64", json!(STANDARD.encode(text)))
    };
    assert_eq!(world.execute(&nested(127)).await.guest_body(), "126");
    assert_eq!(
        world.execute(&nested(128)).await.json()["status"],
        400,
        "the parser's own limit"
    );
}

#[tokio::test]
async fn a_thousand_requests_compile_once_and_a_restart_not_at_all() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let compilations = |world: &TestPlatform| world.platform().execute().unwrap().loader().compilations();
    for _ in 0..1_000 {
        assert_eq!(world.execute(&request).await.status, 200);
    }
    // Publishing compiled it, in a child process; no request ever did.
    assert_eq!(compilations(&world), 1);
    let world = world.restart().await;
    assert_eq!(world.execute(&request).await.status, 200);
    assert_eq!(compilations(&world), 0);
}

#[tokio::test]
async fn a_thousand_cold_requests_at_once_compile_once() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    std::fs::remove_dir_all(world.directory().join("machine-code")).unwrap();
    std::fs::create_dir(world.directory().join("machine-code")).unwrap();
    let world = std::sync::Arc::new(world.restart().await);
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (world, request) = (world.clone(), request.clone());
            tokio::spawn(async move { world.execute(&request).await.code() })
        })
        .collect();
    for task in tasks {
        let code = task.await.unwrap();
        assert!(["", "rate_limited", "overloaded"].contains(&code.as_str()), "{code}");
    }
    assert_eq!(world.platform().execute().unwrap().loader().compilations(), 1);
}

#[tokio::test]
async fn one_idempotency_key_is_one_execution_and_only_for_its_tenant_and_body() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("context_works", &["cap:context.read"]).await;
    let request = request.on("POST", "/").with_idempotency_key("order-1");
    let first = world.execute(&request).await;
    let again = world.execute(&request).await;
    assert_eq!(first.json()["usage"], again.json()["usage"], "the same execution");
    let other_body = request.clone().with("/http/body_b64", json!("aGk="));
    assert_eq!(world.execute(&other_body).await.code(), "idempotency_mismatch");
    let other_path = request.clone().on("POST", "/other");
    assert_ne!(world.execute(&other_path).await.json()["usage"], first.json()["usage"]);
    let unusable = request.with_idempotency_key(&"k".repeat(129));
    assert_eq!(world.execute(&unusable).await.code(), "bad_request");
}

/// Installs a guest that stores each request body, so that executions can be counted afterwards.
pub(crate) async fn agreements(world: &TestPlatform) -> ExecuteRequest {
    let manifest = std::fs::read(root().join("examples/agreements/manifest.json")).unwrap();
    let manifest = serde_json::from_slice(&manifest).unwrap();
    let release = Release::new(world.key(), &manifest, &component("agreements"));
    world.publish(&release).await;
    let install = world.install("acme", &release, &["cap:storage.kv"]).await;
    world.request_for(&install.ok())
}

/// Returns a request that creates an agreement, with an idempotency key.
pub(crate) fn creation(request: &ExecuteRequest) -> ExecuteRequest {
    let support = STANDARD.encode(r#"{"title":"Support","client":"acme","monthly_cents":100}"#);
    let request = request.clone().on("POST", "/agreements");
    request
        .with("/http/body_b64", json!(support))
        .with_idempotency_key("order-1")
}

pub(crate) async fn count(world: &TestPlatform, request: &ExecuteRequest) -> usize {
    let listed = world
        .execute(&request.clone().on("GET", "/agreements"))
        .await
        .guest_body();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    listed["agreements"].as_array().unwrap().len()
}

#[tokio::test]
async fn fifty_concurrent_requests_with_one_idempotency_key_are_one_execution() {
    let world = Arc::new(TestPlatform::new().await);
    let any = agreements(&world).await;
    let create = creation(&any);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (world, create) = (world.clone(), create.clone());
            tokio::spawn(async move { world.execute(&create).await })
        })
        .collect();
    let mut bodies = std::collections::BTreeSet::new();
    for task in tasks {
        let response = task.await.unwrap();
        assert_eq!(response.json()["status"], 201, "{}", response.text());
        bodies.insert(response.guest_body());
    }
    assert_eq!((bodies.len(), count(&world, &any).await), (1, 1));
}

#[tokio::test]
async fn an_idempotent_execution_is_recorded_even_if_the_caller_disconnects() {
    let world = TestPlatform::new().await;
    let any = agreements(&world).await;
    let create = creation(&any);
    let mut first = Box::pin(world.execute(&create));
    let mut no_request_waits = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(&mut no_request_waits).is_pending());
    drop(first);
    assert_eq!(world.execute(&create).await.json()["status"], 201);
    assert_eq!(count(&world, &any).await, 1);
}

#[tokio::test]
async fn repeated_empty_and_non_ascii_idempotency_keys_are_refused() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    for keys in [&[&b"a"[..], b"b"][..], &[b"\xff"], &[b""]] {
        let mut request = http::Request::post("/v1/execute")
            .header("x-alga-tenant", &good.tenant)
            .header("x-alga-extension", &good.extension)
            .header("authorization", format!("Bearer {}", world.token_for(&good).unwrap()));
        for key in keys {
            request = request.header("x-idempotency-key", *key);
        }
        let body = axum::body::Body::from(good.body.to_string());
        assert_eq!(world.send(request.body(body).unwrap()).await.code(), "bad_request");
    }
}

#[tokio::test]
async fn dynamic_responses_are_not_cacheable() {
    let world = TestPlatform::new().await;
    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("DELETE", "/healthz"),
        ("GET", "/nowhere"),
        ("GET", "/v1/registry/tenants/acme/installs"),
        ("POST", "/v1/execute"),
        ("GET", "/v1/execute"),
        ("OPTIONS", "/api/ext/a/b"),
        ("GET", "/api/ext/a/b"),
    ] {
        let request = http::Request::builder().method(method).uri(path);
        let response = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(response.headers["cache-control"], "no-store", "{method} {path}");
    }
}

#[tokio::test]
async fn two_tenants_with_the_same_idempotency_key_have_two_executions() {
    let world = TestPlatform::new().await;
    let acme = world.with_guest("context_works", &["cap:context.read"]).await;
    let acme = acme.on("POST", "/").with_idempotency_key("same");
    let published = world
        .operate(&show_version("com.example.context-works", "1.0.0"))
        .await
        .ok();
    let request = InstallRequest {
        extension: published.name.to_string(),
        version: "1.0.0".to_owned(),
        ..InstallRequest::default()
    };
    let install = world.operate(&install(&tenant_id("other"), &request)).await.ok();
    let other = world.request_for(&install).on("POST", "/").with_idempotency_key("same");
    let tenant = |response: alga_harness::TestResponse| {
        serde_json::from_str::<serde_json::Value>(&response.guest_body()).unwrap()["tenant"].clone()
    };
    assert_eq!(tenant(world.execute(&acme).await), "acme");
    assert_eq!(tenant(world.execute(&other).await), "other");
}

#[tokio::test]
async fn a_draining_runner_is_not_ready_and_refuses_new_requests() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let ready = || async {
        world
            .send(http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap())
            .await
            .status
    };
    assert_eq!(ready().await, 200);
    world.platform().execute().unwrap().drain();
    assert_eq!(ready().await, 503);
    let response = world.execute(&request).await;
    response.assert_error(503, "draining");
    assert_eq!(response.headers["retry-after"], "1");
    assert_eq!(
        world
            .send(http::Request::get("/healthz").body(axum::body::Body::empty()).unwrap())
            .await
            .status,
        200
    );
}
