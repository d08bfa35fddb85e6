//! Every malformed request gets its error code, and the next request works.

use alga_auth::{CallContext, ServiceGrant};
use alga_harness::{Credential, ExecuteRequest, TestPlatform};
use serde_json::{Value, json};

async fn refused(world: &TestPlatform, request: &ExecuteRequest, status: u16, code: &str) {
    let response = world.execute(request).await;
    response.assert_error(status, code);
    assert_eq!(response.json()["status"], status);
    assert_eq!(response.headers["cache-control"], "no-store");
    assert!(
        response.json()["error"]["request_id"]
            .as_str()
            .is_some_and(|id| id == response.json()["request_id"])
    );
    assert_eq!(response.usage("host_calls"), 0, "nothing was executed");
}

#[tokio::test]
async fn malformed_bodies_are_bad_requests() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    let deep = "[".repeat(200_000);
    let twice = good.body.to_string().replace(
        "\"tenant_id\":\"acme\"",
        "\"tenant_id\":\"acme\",\"tenant_id\":\"other\"",
    );
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "NaN",
        "\u{feff}{}",
        "{\"context\":1e400}",
        &deep,
        &twice,
    ] {
        let response = world.execute_bytes(&good, body.as_bytes().to_vec()).await;
        assert_eq!(
            (response.status.as_u16(), response.code().as_str()),
            (400, "bad_request"),
            "{}",
            &body[..body.len().min(60)]
        );
    }
    let invalid_utf8 = world.execute_bytes(&good, vec![b'"', 0xff, b'"']).await;
    assert_eq!(invalid_utf8.code(), "bad_request");
    for (pointer, value) in [
        ("/http/body_b64", json!("not base64!")),
        ("/http/body_b64", json!("aGk")),
        ("/http/method", json!("GE T")),
        ("/http/path", json!("relative")),
        ("/http/headers", json!({ "bad name": "x" })),
        ("/http/headers", json!({ "x": "a\r\nb: c" })),
        (
            "/http/headers",
            Value::Object((0..101).map(|number| (format!("x-{number}"), json!("1"))).collect()),
        ),
        ("/http/query_string", json!("x".repeat(9_000))),
        ("/context/content_hash", json!("sha256:xyz")),
        ("/context/content_hash", json!("../../etc/passwd")),
        ("/context/trigger", json!("moon")),
        ("/context/trigger", json!("schedule")),
        ("/context/config", json!({ "k": "x".repeat(70_000) })),
    ] {
        refused(&world, &good.clone().with(pointer, value), 400, "bad_request").await;
    }
    assert_eq!(world.execute(&good).await.status, 200);
}

#[tokio::test]
async fn bodies_over_the_limit_are_too_large_whether_encoded_or_not() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("echoes_the_request", &[]).await;
    let encoded = "A".repeat((10 * 1024 * 1024 + 3) / 3 * 4 + 4);
    refused(
        &world,
        &good.clone().with("/http/body_b64", json!(encoded)),
        413,
        "payload_too_large",
    )
    .await;
    let response = world.execute_bytes(&good, vec![b' '; 20 * 1024 * 1024]).await;
    response.assert_error(413, "payload_too_large");
}

#[tokio::test]
async fn missing_invalid_and_other_audience_tokens_are_unauthenticated() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    let for_gateway = world.caller_token("acme", alga_auth::Access::Write);
    let changed = world.token_for(&good).unwrap().replace("v4.public.e", "v4.public.f");
    for credential in [
        Credential::Missing,
        Credential::Token(String::new()),
        Credential::Token("nonsense".into()),
        Credential::Token(for_gateway),
        Credential::Token(changed),
    ] {
        let request = ExecuteRequest {
            credential,
            ..good.clone()
        };
        refused(&world, &request, 401, "unauthenticated").await;
    }
}

#[tokio::test]
async fn a_body_is_not_read_for_a_caller_without_a_valid_token() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    let third_party = ExecuteRequest {
        credential: Credential::Token("nonsense".into()),
        ..good
    };
    let response = world.execute_bytes(&third_party, vec![b' '; 20 * 1024 * 1024]).await;
    assert_eq!(
        (response.status.as_u16(), response.code().as_str()),
        (401, "unauthenticated"),
        "not 413: no code counted it"
    );
}

#[tokio::test]
async fn requests_whose_token_header_and_body_disagree_are_refused() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    let other_hash = format!("sha256:{}", "0".repeat(64));
    for (pointer, value) in [
        ("/context/tenant_id", json!("other")),
        ("/context/extension_id", json!("other")),
        ("/context/install_id", json!("other")),
        ("/context/version_id", json!("other")),
        ("/context/content_hash", json!(other_hash)),
    ] {
        refused(&world, &good.clone().with(pointer, value), 403, "context_mismatch").await;
    }
    let of_another_tenant = ExecuteRequest {
        tenant: "other".into(),
        ..good.clone()
    };
    refused(&world, &of_another_tenant, 403, "context_mismatch").await;
    let of_another_extension = ExecuteRequest {
        extension: "other".into(),
        ..good
    };
    refused(&world, &of_another_extension, 403, "context_mismatch").await;
}

#[tokio::test]
async fn providers_narrow_what_the_token_grants_and_never_widen_it() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    for providers in [
        json!(["cap:storage.kv"]),
        json!(["cap:moon.landing"]),
        // The SDK logs panics, so this guest imports the log and cannot be linked without it.
        json!([]),
    ] {
        let request = good.clone().with("/providers", providers);
        refused(&world, &request, 403, "capability_denied").await;
    }
    assert_eq!(
        world
            .execute(&good.with("/providers", json!(["LOG.EMIT "])))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_unpublished_content_hash_is_not_available() {
    let world = TestPlatform::new().await;
    let good = world.with_guest("answers_ok", &[]).await;
    let hash = format!("sha256:{}", "0".repeat(64));
    let context = &good.body["context"];
    let text = |name: &str| context[name].as_str().unwrap().to_owned();
    let grant = ServiceGrant {
        tenant_id: text("tenant_id").parse().unwrap(),
        extension_id: text("extension_id").parse().unwrap(),
        install_id: text("install_id").parse().unwrap(),
        version_id: text("version_id").parse().unwrap(),
        content_hash: hash.parse().unwrap(),
        grants: Vec::new(),
        egress: std::collections::BTreeSet::new(),
        call: None,
    };
    let request = ExecuteRequest {
        credential: Credential::Grant(Box::new(grant)),
        ..good.with("/context/content_hash", json!(hash))
    };
    refused(&world, &request, 404, "extension_not_available").await;
}

#[tokio::test]
async fn a_token_with_the_context_of_a_call_is_only_for_v1_http() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    let grant = ServiceGrant {
        call: Some(Box::new(CallContext::default())),
        ..world.grant_for(&install)
    };
    let request = ExecuteRequest {
        credential: Credential::Grant(Box::new(grant)),
        ..world.request_for(&install)
    };
    refused(&world, &request, 403, "context_mismatch").await;
}
