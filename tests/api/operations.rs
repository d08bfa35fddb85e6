//! Warming a runner up, and removing a process from its load balancer.

use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse};
use axum::body::Body;
use http::Request;
use serde_json::json;

async fn post(world: &TestPlatform, path: &str, credential: &str, body: String) -> TestResponse {
    let request = Request::post(path).header("authorization", format!("Bearer {credential}"));
    world.send(request.body(Body::from(body)).unwrap()).await
}

async fn get(world: &TestPlatform, path: &str) -> u16 {
    world
        .send(Request::get(path).body(Body::empty()).unwrap())
        .await
        .status
        .as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warmed_up_component_is_not_loaded_by_the_first_request() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    let world = world.restart().await;
    let token = world.service_token(&world.grant_for(&install));
    let hash = |hash: &str| json!({ "content_hash": hash }).to_string();
    let content_hash = install.content_hash.to_string();
    for expected in [true, false] {
        let warmed = post(&world, "/v1/warmup", &token, hash(&content_hash)).await;
        assert_eq!(warmed.status, 200, "{}", warmed.text());
        assert_eq!(warmed.json()["cold"], expected);
    }
    let executed = world.execute(&world.request_for(&install)).await;
    assert_eq!(executed.json()["usage"]["cold"], false);
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(post(&world, "/v1/warmup", &token, hash(&other)).await.status, 403);
    assert_eq!(post(&world, "/v1/warmup", &token, "{}".to_owned()).await.status, 400);
    let large = format!("{{\"content_hash\":\"{}\"}}", "0".repeat(5_000));
    assert_eq!(post(&world, "/v1/warmup", &token, large).await.status, 413);
    let caller = world.caller_token("acme", Access::Write);
    for bad in [world.administrator_token(), &caller, "x"] {
        assert_eq!(post(&world, "/v1/warmup", bad, hash(&content_hash)).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_process_is_not_ready_and_executes_nothing_new() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let caller = world.caller_token("acme", Access::Write);
    assert_eq!(post(&world, "/v1/drain", &caller, String::new()).await.status, 403);
    assert_eq!(post(&world, "/v1/drain", "x", String::new()).await.status, 401);
    assert_eq!(get(&world, "/readyz").await, 200);
    let operator = world.administrator_token();
    assert_eq!(post(&world, "/v1/drain", operator, String::new()).await.status, 202);
    assert_eq!(get(&world, "/readyz").await, 503);
    assert_eq!(get(&world, "/healthz").await, 200);
    let refused = world.get("com.example.answers-ok/").await;
    refused.assert_error(503, "draining");
    assert!(refused.headers.contains_key("retry-after"));
}
