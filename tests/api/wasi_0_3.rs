//! Components of WASI 0.3: refused without the operator's switch, and with it run under the limits
//! of every other component.

use alga_harness::{MockServer, Release, TestPlatform, TestResponse, component};
use serde_json::json;
use std::collections::BTreeSet;

fn release(world: &TestPlatform, egress: &[String], required: bool) -> Release {
    let mut manifest = Release::manifest("com.example.async", "1.0.0", &[]);
    let key = if required {
        "capabilities"
    } else {
        "optionalCapabilities"
    };
    manifest[key] = json!(["cap:http.fetch"]);
    manifest["egress"] = json!(egress);
    manifest["limits"] = json!({ "timeoutMs": 1_000 });
    Release::new(world.key(), &manifest, &component("works_in_wasi_0_3"))
}

/// A platform that runs the guest, and other components beside it.
async fn platform(settings: &[(&str, &str)], egress: &[String]) -> TestPlatform {
    let settings = [settings, &[("wasi_0_3", "true")]].concat();
    let world = TestPlatform::with_settings(&settings).await;
    let release = release(&world, egress, true);
    world.publish(&release).await;
    world.install("acme", &release, &["cap:http.fetch"]).await.ok();
    world
}

async fn call(world: &TestPlatform, path: &str, body: &str) -> TestResponse {
    let method = if body.is_empty() { "GET" } else { "POST" };
    world
        .call("acme", method, &format!("com.example.async{path}"), body)
        .await
}

#[tokio::test]
async fn a_component_of_wasi_0_3_is_refused_unless_the_operator_has_enabled_it() {
    let world = TestPlatform::new().await;
    let refused = world.try_publish(&release(&world, &[], true)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("ALGA_WASI_0_3"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_streams_waits_and_sends_requests() {
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let world = platform(&settings, &[outside.origin()]).await;
    assert_eq!(call(&world, "/hello", "").await.text(), "hello");
    assert_eq!(call(&world, "/stream", "").await.text(), "part 0\npart 1\npart 2\n");
    let long = "content ".repeat(100_000);
    let echo = call(&world, "/echo", &long).await;
    assert_eq!((echo.status.as_u16(), echo.text() == long), (201, true));
    let fetch = format!("/fetch?origin={}", outside.origin().trim_start_matches("http://"));
    let fetched = call(&world, &fetch, &long).await;
    let received = fetched.json();
    assert_eq!(
        (fetched.status.as_u16(), &received["body_bytes"]),
        (200, &json!(800_000)),
        "{received}"
    );
    assert_eq!(call(&world, "/background", "").await.text(), "done");
    let mut random = BTreeSet::new();
    for _ in 0..20 {
        random.insert(call(&world, "/random", "").await.text());
    }
    assert_eq!(random.len(), 20);
    let neighbour = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&neighbour).await.guest_body(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sends_no_request_beyond_its_grants() {
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let mut settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let fetch = format!("/fetch?origin={}", outside.origin().trim_start_matches("http://"));
    let undeclared = platform(&settings, &[]).await;
    let refused = call(&undeclared, &fetch, "").await;
    assert_eq!(
        (refused.status.as_u16(), refused.text()),
        (403, "ErrorCode::HttpRequestDenied".to_owned())
    );
    settings.push(("wasi_0_3", "true"));
    let world = TestPlatform::with_settings(&settings).await;
    let release = release(&world, &[outside.origin()], false);
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    assert_eq!(call(&world, "/hello", "").await.text(), "hello");
    let refused = call(&world, &fetch, "").await;
    assert_eq!(
        (refused.status.as_u16(), refused.text()),
        (403, "ErrorCode::HttpRequestDenied".to_owned())
    );
    assert_eq!(outside.requests(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_guests_of_wasi_0_3_end_at_their_limits() {
    let world = TestPlatform::with_settings(&[("wasi_0_3", "true")]).await;
    let release = release(&world, &[], true);
    world.publish(&release).await;
    let install = world.install("acme", &release, &["cap:http.fetch"]).await.ok();
    let request = world.request_for(&install);
    for (path, status, code) in [
        ("/error", 502, "invalid_guest_response"),
        // The engine notices that nothing can wake the guest.
        ("/never", 502, "guest_trapped"),
        ("/sleep", 504, "deadline_exceeded"),
        ("/until", 504, "deadline_exceeded"),
        ("/loop", 504, "deadline_exceeded"),
        ("/streams", 502, "handle_limit"),
        ("/calls", 502, "handle_limit"),
        ("/requests", 502, "handle_limit"),
        ("/many-bytes", 502, "call_bytes_limit"),
        ("/allocate", 502, "memory_limit"),
        ("/endless", 502, "invalid_guest_response"),
        ("/short", 502, "invalid_guest_response"),
        ("/half", 502, "guest_trapped"),
    ] {
        let response = world.execute(&request.clone().on("GET", path)).await;
        assert_eq!(response.status, status, "{path}: {}", response.text());
        assert_eq!(response.json()["error"]["code"], code, "{path}");
        let hello = world.execute(&request.clone().on("GET", "/hello")).await;
        assert_eq!(hello.guest_body(), "hello", "after {path}");
    }
    assert!(world.platform().execute().unwrap().is_ready());
}
