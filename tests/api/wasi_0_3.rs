//! Components of WASI 0.3: refused without the operator's switch, and with it run under the limits
//! of every other component.

use alga_harness::{MockServer, Release, TestPlatform, TestResponse, borrowed, component, handler_with};
use alga_registry_types::{Page, executions};
use serde_json::json;
use std::collections::BTreeSet;

const GUEST: &str = "works_in_wasi_0_3";

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
    Release::new(world.key(), &manifest, &component(GUEST))
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

#[tokio::test]
async fn a_component_of_wasi_0_2_that_imports_an_interface_of_0_3_needs_that_switch_too() {
    let import = r#"(import "wasi:random/random@0.3.0" (instance (export "get-random-u64" (func (result u64)))))"#;
    let mixed = handler_with(import, "", r#"(func (export "handle") (param i32 i32))"#);
    let manifest = Release::manifest("com.example.mixed", "1.0.0", &[]);
    let off = TestPlatform::new().await;
    let refused = off.try_publish(&Release::new(off.key(), &manifest, &mixed)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("ALGA_WASI_0_3"), "{}", refused.text());
    let on = TestPlatform::with_settings(&[("wasi_0_3", "true")]).await;
    let release = Release::new(on.key(), &manifest, &mixed);
    on.publish(&release).await;
    let install = on.install("acme", &release, &[]).await.ok();
    let response = on.execute(&on.request_for(&install)).await;
    assert_eq!(response.code(), "invalid_guest_response", "it ran: {}", response.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_its_requests_runs_in_a_fresh_instance_and_uses_the_same_fuel() {
    let world = platform(&[("fuel", "50000000")], &[]).await;
    let mut fuel = BTreeSet::new();
    for _ in 0..20 {
        let counted = call(&world, "/count", "").await;
        assert_eq!(counted.text(), "1");
    }
    let install = world.install_guest(GUEST, &["cap:http.fetch"]).await;
    let request = world.request_for(&install).on("GET", "/count");
    for _ in 0..3 {
        fuel.insert(world.execute(&request).await.usage("fuel"));
    }
    assert!(fuel.len() == 1 && fuel.first() > Some(&100), "{fuel:?}");
    let ended = world.execute(&request.on("GET", "/loop")).await;
    ended.assert_error(502, "fuel_exhausted");
    assert_eq!(ended.usage("fuel"), 50_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_output_becomes_log_lines_and_it_has_no_environment_input_or_terminal() {
    let world = platform(&[], &[]).await;
    let install = world.install_guest(GUEST, &["cap:http.fetch"]).await;
    let request = world.request_for(&install).on("GET", "/output");
    assert_eq!(world.execute(&request).await.guest_body(), "[] [] [] None false");
    world.platform().settle().await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    let executions = world.operate(&list).await.ok().executions;
    let lines: Vec<_> = executions[0]
        .log
        .iter()
        .map(|line| (line.source.as_str(), line.message.as_str()))
        .collect();
    let expected = [
        ("stdout", "first line"),
        ("stdout", "second "),
        ("stderr", "an error"),
        ("stdout", "\u{1b}[31mline"),
    ];
    assert_eq!(lines, expected);
    let exited = world.execute(&request.on("GET", "/exit")).await;
    assert_eq!(exited.code(), "guest_trapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_streams_waits_and_sends_requests() {
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let settings = borrowed(&settings);
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
    assert_eq!(
        call(&world, "/parts", "").await.text(),
        "Some(64) Some(512) Some(16384)"
    );
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
    let mut settings = borrowed(&settings);
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
