//! Cross-origin requests of browsers, and rate limits, as clients see them.

use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse};
use axum::body::Body;
use http::Request;

const LISTED: &str = "https://app.example.com";

async fn ask(world: &TestPlatform, method: &str, fields: &[(&str, &str)]) -> TestResponse {
    let mut request = Request::builder()
        .method(method)
        .uri("/api/ext/com.example.answers-ok/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_listed_origins_call_extensions_and_others_do_not() {
    let world =
        TestPlatform::with_settings(&[("gateway_origins", "https://app.example.com,http://localhost:3000")]).await;
    world.install_guest("answers_ok", &[]).await;
    let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
    let preflight = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,x-ext-a"),
    ];
    let with = |origin: &'static str| [&[("origin", origin)][..], &preflight].concat();
    let allowed = ask(&world, "OPTIONS", &with(LISTED)).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.headers["access-control-allow-origin"], LISTED);
    assert_eq!(allowed.headers["access-control-allow-headers"], "authorization,x-ext-a");
    assert!(
        allowed.headers["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("PATCH")
    );
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"));
    for origin in [
        "https://app.example.com.evil.example",
        "https://App.example.com",
        "null",
        "http://app.example.com",
        "*",
    ] {
        let refused = ask(&world, "OPTIONS", &with(origin)).await;
        assert_eq!(refused.status, 401, "{origin}");
        let called = ask(&world, "GET", &[("origin", origin), ("authorization", &token)]).await;
        for response in [refused, called] {
            let names = response.headers.keys();
            assert!(
                !names
                    .into_iter()
                    .any(|name| name.as_str().starts_with("access-control")),
                "{origin}"
            );
            assert_eq!(response.headers["vary"], "origin");
        }
    }
    // A response that refuses is readable, too: the script shows its message.
    for (authorization, status) in [(token.as_str(), 200), ("Bearer x", 401)] {
        let called = ask(&world, "GET", &[("origin", LISTED), ("authorization", authorization)]).await;
        assert_eq!(called.status, status);
        assert_eq!(called.headers["access-control-allow-origin"], LISTED);
        assert!(
            called.headers["access-control-expose-headers"]
                .to_str()
                .unwrap()
                .contains("ratelimit")
        );
    }
    let twice = ask(
        &world,
        "GET",
        &[("origin", LISTED), ("origin", LISTED), ("authorization", &token)],
    )
    .await;
    assert!(!twice.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_listed_origins_no_response_varies() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
    let called = ask(&world, "GET", &[("origin", LISTED), ("authorization", &token)]).await;
    assert!(!called.headers.contains_key("vary") && !called.headers.contains_key("access-control-allow-origin"));
    let refused = TestPlatform::with_settings(&[]).await;
    assert_eq!(
        ask(
            &refused,
            "OPTIONS",
            &[("origin", LISTED), ("access-control-request-method", "GET")]
        )
        .await
        .status,
        401
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_shows_the_tightest_rate_limit_and_exceeding_it_when_to_come_back() {
    let settings = [
        ("gateway_requests_per_second", "1000"),
        ("gateway_requests_per_second_of_install", "100"),
        ("gateway_requests_per_second_of_endpoint", "1"),
    ];
    let world = TestPlatform::with_settings(&settings).await;
    world.install_guest("answers_ok", &[]).await;
    let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
    let policy = "\"tenant\";q=2000;w=2, \"install\";q=200;w=2, \"endpoint\";q=2;w=2";
    let mut last = ask(&world, "GET", &[("authorization", &token)]).await;
    assert_eq!(last.status, 200);
    assert_eq!(last.headers["ratelimit-policy"], policy);
    assert_eq!(last.headers["ratelimit"], "\"endpoint\";r=1;t=1");
    for _ in 0..3 {
        last = ask(&world, "GET", &[("authorization", &token)]).await;
    }
    last.assert_error(429, "rate_limited");
    assert!(last.text().contains("endpoint"), "{}", last.text());
    assert_eq!(last.headers["ratelimit"], "\"endpoint\";r=0;t=1");
    assert_eq!(last.headers["retry-after"], "1");
    // Another endpoint of the install has its own limit.
    assert_eq!(ask(&world, "POST", &[("authorization", &token)]).await.status, 200);
}
