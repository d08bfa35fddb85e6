//! Idempotency keys across restarts and processes. Those of one process are in `execute_works`.

use crate::execute_works::{agreements, count, creation};
use alga_auth::Access;
use alga_harness::TestPlatform;
use alga_store::{ClaimOutcome, IdempotencyClaim, StoredReply};
use axum::Router;
use axum::body::Body;
use http::Request;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_replayed_after_a_restart_and_only_for_the_same_body() {
    let world = TestPlatform::new().await;
    let any = agreements(&world).await;
    let create = creation(&any);
    let first = world.execute(&create).await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let world = world.restart().await;
    let again = world.execute(&create).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let response = |text: &str| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        (
            json["status"].clone(),
            json["headers"].clone(),
            json["body_b64"].clone(),
        )
    };
    assert_eq!(response(&first.text()), response(&again.text()));
    assert_eq!(count(&world, &any).await, 1);
    let world = world.restart().await;
    let other_body = create.with("/http/body_b64", json!("aGk="));
    world
        .execute(&other_body)
        .await
        .assert_error(422, "idempotency_mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_to_two_processes_with_one_key_are_one_execution() {
    let world = TestPlatform::new().await;
    let any = agreements(&world).await;
    let create = creation(&any);
    let stopped = world.stop().await;
    let processes = [
        stopped.start_with(&[]).await.unwrap(),
        stopped.start_with(&[]).await.unwrap(),
    ];
    let processes = processes.map(Arc::new);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (process, create) = (Arc::clone(&processes[number % 2]), create.clone());
            tokio::spawn(async move { process.execute(&create).await })
        })
        .collect();
    let mut executed = 0;
    for task in tasks {
        let response = task.await.unwrap();
        assert_eq!(response.json()["status"], 201, "{}", response.text());
        executed += usize::from(!response.headers.contains_key("idempotency-replayed"));
    }
    assert_eq!((executed, count(&processes[0], &any).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_runners_report_a_replayed_response_to_the_client() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let remote = world.remote_gateway().await;
    let token = world.caller_token("acme", Access::Write);
    let ask = async |gateway: Router, key: &str| {
        let request = Request::post("/api/ext/com.example.answers-ok/")
            .header("authorization", format!("Bearer {token}"))
            .header("x-idempotency-key", key);
        let response = gateway.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        response.headers().get("idempotency-replayed").cloned()
    };
    for (gateway, key) in [(world.router(), "local"), (remote, "remote")] {
        assert_eq!(ask(gateway.clone(), key).await, None);
        assert_eq!(ask(gateway, key).await.unwrap(), "true");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_attempt_until_its_response_or_its_lease_ends() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    let database = world.platform().database();
    let attempt = |owner: &str, body: &str| IdempotencyClaim {
        tenant: install.tenant_id.clone(),
        install: install.id.clone(),
        key_digest: "k".to_owned(),
        body_digest: body.to_owned(),
        owner: owner.to_owned(),
    };
    let (first, second) = (attempt("1", "b"), attempt("2", "b"));
    let lease = Duration::from_secs(60);
    let claim = async |claim: &IdempotencyClaim, lease| database.claim_idempotency(claim, lease).await.unwrap();
    assert_eq!(claim(&first, lease).await, ClaimOutcome::Claimed);
    assert_eq!(claim(&second, lease).await, ClaimOutcome::Running);
    assert_eq!(claim(&attempt("3", "other"), lease).await, ClaimOutcome::OtherBody);
    // A failure releases the key.
    database.release_idempotency(&first).await.unwrap();
    assert_eq!(claim(&second, Duration::ZERO).await, ClaimOutcome::Claimed);
    // The lease of the second is over: its process has stopped, or its response comes too late.
    assert_eq!(claim(&first, lease).await, ClaimOutcome::Claimed);
    let reply = StoredReply {
        status: 200,
        headers: "[]".to_owned(),
        body: b"x".to_vec(),
    };
    assert!(!database.complete_idempotency(&second, &reply).await.unwrap());
    assert!(database.complete_idempotency(&first, &reply).await.unwrap());
    assert_eq!(claim(&second, lease).await, ClaimOutcome::Replied(reply));
    database.release_idempotency(&first).await.unwrap();
    assert_eq!(database.sweep_idempotency().await.unwrap(), 0);
    // Uninstalling deletes it.
    world
        .operate(&alga_registry_types::uninstall(&install.tenant_id, install.id.as_str()))
        .await
        .ok();
    assert_eq!(claim(&second, Duration::ZERO).await, ClaimOutcome::Claimed);
    assert_eq!(database.sweep_idempotency().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_install_stores_a_bounded_number_of_bytes() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    let database = world.platform().database();
    let mut full = false;
    for number in 0..10 {
        let claim = IdempotencyClaim {
            tenant: install.tenant_id.clone(),
            install: install.id.clone(),
            key_digest: number.to_string(),
            body_digest: String::new(),
            owner: number.to_string(),
        };
        match database
            .claim_idempotency(&claim, Duration::from_secs(60))
            .await
            .unwrap()
        {
            ClaimOutcome::Claimed => {}
            other => {
                assert_eq!(other, ClaimOutcome::Full);
                full = true;
                break;
            }
        }
        let reply = StoredReply {
            status: 200,
            headers: String::new(),
            body: vec![0; 10 * 1024 * 1024],
        };
        database.complete_idempotency(&claim, &reply).await.unwrap();
    }
    assert!(full);
    let request = world.request_for(&install).on("POST", "/").with_idempotency_key("new");
    world.execute(&request).await.assert_error(429, "rate_limited");
}
