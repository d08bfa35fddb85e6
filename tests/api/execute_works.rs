use alga_harness::World;
use serde_json::json;

#[tokio::test]
async fn a_guest_answers_and_the_reply_says_what_it_cost() {
    let world = World::new().await;
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
    let world = World::new().await;
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
    let answer = world.execute(&request).await;
    assert_eq!(answer.json()["request_id"], "my-request.1");
    let seen: serde_json::Value = serde_json::from_str(&answer.guest_body()).unwrap();
    assert_eq!(seen["method"], "Method::Put");
    assert_eq!(seen["target"], "/a/b%20c?k=1&k=2&x=a%20b");
    assert_eq!(seen["body"], "hello");
    let headers = json!([
        ["accept", "text/html"],
        ["x-many", "1"],
        ["x-many", "2"],
        ["x-request-id", "my-request.1"]
    ]);
    assert_eq!(seen["headers"], headers);
}

#[tokio::test]
async fn a_thousand_requests_compile_once_and_a_restart_not_at_all() {
    let world = World::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let compilations = |world: &World| world.platform().execute.loader().compilations();
    for _ in 0..1_000 {
        assert_eq!(world.execute(&request).await.status, 200);
    }
    // Publishing has compiled it in its own child and kept the code: the runner never had to.
    assert_eq!(compilations(&world), 0);
    let world = world.restart().await;
    assert_eq!(world.execute(&request).await.status, 200);
    assert_eq!(compilations(&world), 0);
}

#[tokio::test]
async fn a_thousand_cold_requests_at_once_compile_once() {
    let world = World::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    std::fs::remove_dir_all(world.folder().join("machine-code")).unwrap();
    std::fs::create_dir(world.folder().join("machine-code")).unwrap();
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
    assert_eq!(world.platform().execute.loader().compilations(), 1);
}

#[tokio::test]
async fn one_idempotency_key_is_one_execution_and_only_for_its_tenant_and_body() {
    let world = World::new().await;
    let mut request = world
        .with_guest("context_works", &["cap:context.read"])
        .await
        .on("POST", "/");
    request.idempotency_key = Some("order-1".into());
    let first = world.execute(&request).await;
    let again = world.execute(&request).await;
    assert_eq!(first.json()["usage"], again.json()["usage"], "the same execution");
    let other_body = request.clone().with("/http/body_b64", json!("aGk="));
    assert_eq!(world.execute(&other_body).await.code(), "idempotency_mismatch");
    let other_path = request.clone().on("POST", "/other");
    assert_ne!(world.execute(&other_path).await.json()["usage"], first.json()["usage"]);
    let mut unusable = request;
    unusable.idempotency_key = Some("k".repeat(129));
    assert_eq!(world.execute(&unusable).await.code(), "bad_request");
}

#[tokio::test]
async fn two_tenants_with_the_same_idempotency_key_have_two_executions() {
    let world = World::new().await;
    let mut acme = world
        .with_guest("context_works", &["cap:context.read"])
        .await
        .on("POST", "/");
    let release = world
        .operate(
            "GET",
            "/v1/registry/extensions/com.example.context-works/versions/1.0.0",
            &json!(null),
        )
        .await
        .json();
    let body = json!({ "extension": release["name"], "version": "1.0.0", "grants": [] });
    let install = world
        .operate("POST", "/v1/registry/tenants/other/installs", &body)
        .await
        .json();
    let mut other = world.request_for(&install).on("POST", "/");
    acme.idempotency_key = Some("same".into());
    other.idempotency_key = Some("same".into());
    let tenant = |answer: alga_harness::Answer| {
        serde_json::from_str::<serde_json::Value>(&answer.guest_body()).unwrap()["tenant"].clone()
    };
    assert_eq!(tenant(world.execute(&acme).await), "acme");
    assert_eq!(tenant(world.execute(&other).await), "other");
}

#[tokio::test]
async fn a_draining_runner_is_not_ready_and_sends_new_requests_away() {
    let world = World::new().await;
    let request = world.with_guest("answers_ok", &[]).await;
    let ready = || async {
        world
            .send(http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap())
            .await
            .status
    };
    assert_eq!(ready().await, 200);
    world.platform().execute.drain();
    assert_eq!(ready().await, 503);
    let answer = world.execute(&request).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "draining"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(
        world
            .send(http::Request::get("/healthz").body(axum::body::Body::empty()).unwrap())
            .await
            .status,
        200
    );
}
