//! Capabilities in a platform: behavior that conformance cases cannot show, because it needs two
//! tenants, a moment in time, or access to the store.

use alga_harness::{ExecuteRequest, MockServer, Release, TestPlatform, TestResponse, borrowed, component, tenant_id};
use alga_registry_types::{Install, InstallRequest, TermsRequest, install, set_terms};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Platform with a mock server, and a guest that calls it.
struct Reaching {
    world: TestPlatform,
    outside: MockServer,
}

impl Reaching {
    async fn new(more: &[(&str, &str)]) -> Self {
        let outside = MockServer::start().await;
        let settings = outside.settings();
        let mut settings = borrowed(&settings);
        settings.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        settings.extend(more);
        Self {
            world: TestPlatform::with_settings(&settings).await,
            outside,
        }
    }

    /// Installs the guest for this tenant, with the mock server's origin in its configuration.
    async fn guest(&self, tenant: &str, guest: &str, change: impl Fn(&mut Value)) -> (ExecuteRequest, Install) {
        let mut manifest = Release::manifest(
            &format!("com.example.{}", guest.replace('_', "-")),
            "1.0.0",
            &["cap:http.fetch"],
        );
        manifest["egress"] = json!([self.outside.origin()]);
        change(&mut manifest);
        let release = Release::new(self.world.key(), &manifest, &component(guest));
        self.world.publish(&release).await;
        let request = InstallRequest {
            config: self.config(),
            ..release.install_request(&["cap:http.fetch"])
        };
        let install = self.world.operate(&install(&tenant_id(tenant), &request)).await.ok();
        (self.with_origin(&install), install)
    }

    fn config(&self) -> BTreeMap<String, String> {
        [("greeting".to_owned(), self.outside.origin())].into()
    }

    fn with_origin(&self, install: &Install) -> ExecuteRequest {
        let mut request = self.world.request_for(install);
        request.body["context"]["config"] = json!(self.config());
        request
    }
}

fn json_of(response: &TestResponse) -> Value {
    serde_json::from_str(&response.guest_body()).unwrap_or_else(|_| panic!("{}", response.text()))
}

#[tokio::test]
async fn without_an_allowlist_of_the_operator_nothing_is_sent() {
    let reaching = Reaching::new(&[("egress_allowlist", "")]).await;
    let (request, _) = reaching.guest("acme", "fetch_works", |_| {}).await;
    let refused = json_of(&reaching.world.execute(&request).await)["refused"].to_string();
    assert!(refused.contains("403 denied"), "{refused}");
    assert_eq!(reaching.outside.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_that_a_tenant_removes_is_denied_from_the_next_request_on() {
    let reaching = Reaching::new(&[]).await;
    let (request, install) = reaching.guest("acme", "fetch_works", |_| {}).await;
    assert!(json_of(&reaching.world.execute(&request).await)["seen"].is_object());
    let before = reaching.outside.requests().len();
    let terms = TermsRequest {
        config: reaching.config(),
        egress: Some(BTreeSet::new()),
        ..TermsRequest::default()
    };
    let changed = reaching
        .world
        .operate(&set_terms(&install.tenant_id, install.id.as_str(), &terms))
        .await;
    assert!(changed.status.is_success(), "{}", changed.text());
    let response = reaching.world.get("com.example.fetch-works/").await;
    assert!(response.text().contains("403 denied"), "{}", response.text());
    assert_eq!(reaching.outside.requests().len(), before);
}

#[tokio::test]
async fn sent_and_received_bytes_are_reported_in_the_usage() {
    let reaching = Reaching::new(&[]).await;
    let (request, _) = reaching.guest("acme", "fetch_works", |_| {}).await;
    let response = reaching.world.execute(&request).await;
    assert!(response.usage("egress_bytes") > 300_000, "{}", response.text());
    assert!(response.usage("ingress_bytes") > 100, "{}", response.text());
}

#[tokio::test]
async fn unbounded_request_and_response_bodies_are_errors_for_the_guest() {
    let reaching = Reaching::new(&[]).await;
    let (request, _) = reaching.guest("acme", "does_its_worst", |_| {}).await;
    let at = |path: &str| request.clone().on("GET", path).within_ms(20_000);
    let output = json_of(&reaching.world.execute(&at("/requests")).await);
    assert!(
        output[0].as_str().unwrap().contains("HttpRequestHeaderSectionSize"),
        "{output}"
    );
    assert!(
        output[1].as_str().unwrap().starts_with("413") || output[1].as_str().unwrap().contains("BodySize"),
        "{output}"
    );
    assert_eq!(output[2], "8", "{output}");
    let response = reaching.world.execute(&at("/endless")).await;
    let output = json_of(&response);
    assert!(
        output["bytes"].as_u64().unwrap() <= 32 * 1024 * 1024
            && output["error"].as_str().unwrap().contains("could not be read"),
        "{output}"
    );
    assert!(
        response.usage("ingress_bytes") <= 33 * 1024 * 1024,
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn no_spelling_of_an_internal_host_is_reachable_for_a_guest() {
    let reaching = Reaching::new(&[]).await;
    let (request, _) = reaching.guest("acme", "does_its_worst", |_| {}).await;
    let before = reaching.outside.requests().len();
    let response = reaching.world.execute(&request.on("GET", "/spellings")).await;
    let output = json_of(&response);
    let output = output.as_array().unwrap();
    assert_eq!(output.len(), 78);
    for attempt in output {
        let error = attempt[1].as_str().unwrap_or_default();
        assert!(
            error.starts_with("403 denied") || error.starts_with("400 bad_request"),
            "{attempt}"
        );
    }
    assert_eq!(reaching.outside.requests().len(), before);
}

#[tokio::test]
async fn unbounded_lists_calls_and_headers_end_only_their_own_guest() {
    let reaching = Reaching::new(&[]).await;
    let (request, _) = reaching.guest("acme", "does_its_worst", |_| {}).await;
    let world = &reaching.world;
    for (path, code) in [
        ("/aliased", "call_bytes_limit"),
        ("/aliased-small", "call_bytes_limit"),
        ("/beyond-memory", "guest_trapped"),
        ("/not-text", "guest_trapped"),
        ("/misaligned", "guest_trapped"),
        ("/log", "host_call_limit"),
        ("/headers", "field_limit"),
    ] {
        let response = world.execute(&request.clone().on("GET", path).within_ms(20_000)).await;
        assert_eq!(
            (response.status.as_u16(), response.code().as_str()),
            (502, code),
            "{path}: {}",
            response.text()
        );
    }
    assert_eq!(world.execute(&request).await.guest_body(), "still here");
    assert!(world.platform().execute().unwrap().is_ready());
}

#[tokio::test]
async fn guest_output_becomes_log_lines_and_its_environment_is_empty() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("writes_to_its_output", &[]).await;
    let response = world.execute(&request).await;
    assert_eq!(response.json()["status"], 200, "{}", response.text());
    assert_eq!(
        world.execute(&request.clone().on("GET", "/exit")).await.code(),
        "guest_trapped"
    );
}

#[tokio::test]
async fn metrics_need_the_operators_token_and_name_tenants_if_the_operator_asks() {
    let text = scraped_metrics("false").await;
    let line = text
        .lines()
        .find(|line| line.starts_with("alga_extension_calls_total{") && line.contains("kind=\"a\""));
    assert!(line.is_some_and(|line| line.ends_with("} 6.0")), "{text}");
    assert!(!text.contains("alga_tenant"), "{text}");
    let text = scraped_metrics("true").await;
    for tenant in ["acme", "other"] {
        let line = text.lines().find(|line| {
            line.starts_with("alga_extension_calls_total{") && line.contains(&format!("alga_tenant=\"{tenant}\""))
        });
        assert!(
            line.is_some_and(|line| line.contains("kind=\"a\"") && line.ends_with("} 3.0")),
            "{text}"
        );
    }
}

/// Returns a scrape after two tenants have called an extension with metrics.
async fn scraped_metrics(metrics_tenants: &str) -> String {
    let world = TestPlatform::with_settings(&[("metrics_tenants", metrics_tenants)]).await;
    let mut manifest = Release::manifest("com.example.metrics-works", "1.0.0", &[]);
    manifest["metrics"] = json!([
        { "name": "calls", "type": "counter", "labels": ["kind"] }, { "name": "depth", "type": "gauge" }, { "name": "seconds", "type": "histogram" },
    ]);
    let release = Release::new(world.key(), &manifest, &component("metrics_works"));
    world.publish(&release).await;
    for tenant in ["acme", "other"] {
        assert!(world.install(tenant, &release, &[]).await.status.is_success());
        assert_eq!(
            world.call(tenant, "GET", "com.example.metrics-works/", "").await.status,
            200
        );
    }
    let third_party = http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
    assert_eq!(world.send(third_party).await.status, 401);
    world.send_json("GET", "/metrics", &Value::Null).await.text()
}

#[tokio::test]
async fn the_guest_sees_the_user_that_the_gateway_authenticated() {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.user-works", "1.0.0", "user_works");
    world.publish(&release).await;
    world.install("acme", &release, &[]).await;
    let caller = alga_auth::Caller {
        user_id: "u-7".into(),
        user_email: "ada@example.com".into(),
        client_id: Some("c-1".into()),
        additional_fields: [("department".to_owned(), "sales".to_owned())].into(),
        ..alga_auth::Caller::developer("acme".parse().unwrap())
    };
    let request = http::Request::get("/api/ext/com.example.user-works/")
        .header("authorization", format!("Bearer {}", world.token_of(&caller)))
        .header("x-user-id", "forged");
    let seen = world
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .json();
    assert_eq!(
        (&seen["id"], &seen["email"], &seen["client_id"]),
        (&json!("u-7"), &json!("ada@example.com"), &json!("c-1"))
    );
    assert_eq!(seen["additional_fields"], json!([["department", "sales"]]));
    // A scheduled execution has no user; a user with oversized fields is refused.
    let execute = world.request_for(&world.install("other", &release, &[]).await.ok());
    assert_eq!(world.execute(&execute).await.guest_body(), "null");
    let large = execute.with(
        "/user",
        json!({ "user_id": "u", "additional_fields": { "a": "x".repeat(20_000) } }),
    );
    assert_eq!(world.execute(&large).await.code(), "bad_request");
}

#[tokio::test]
async fn a_guest_sees_the_trigger_of_its_execution() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("context_works", &[]).await;
    for (context, expected) in [
        (json!({}), "Trigger::Http"),
        (
            json!({ "trigger": "schedule", "schedule_id": "s-1" }),
            "Trigger::Schedule(\"s-1\")",
        ),
        (
            json!({ "trigger": "event", "event_id": "e-1" }),
            "Trigger::Event(\"e-1\")",
        ),
    ] {
        let mut request = request.clone();
        for (name, value) in context.as_object().unwrap() {
            request.body["context"][name] = value.clone();
        }
        let seen = json_of(&world.execute(&request).await);
        assert_eq!(seen["trigger"], expected);
    }
}

#[tokio::test]
async fn a_wildcard_over_a_public_suffix_is_refused_at_publish() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.everybody", "1.0.0", &[]);
    manifest["egress"] = json!(["api.example.com", "*.co.uk"]);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    let response = world.try_publish(&release).await;
    response.assert_refused(422, "manifest_invalid", "*.co.uk");
}
