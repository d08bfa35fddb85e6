use alga_auth::{Access, Caller, UserType};
use alga_harness::{Release, TestPlatform, TestResponse, component, tenant_id};
use alga_registry_types::{InstallRequest, Page, install, installs, uninstall};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

async fn world_with(guest: &str, capabilities: &[&str]) -> TestPlatform {
    let world = TestPlatform::new().await;
    world.with_guest(guest, capabilities).await;
    world
}

async fn send(world: &TestPlatform, method: &str, target: &str, headers: &[(&str, &str)]) -> TestResponse {
    let mut request = Request::builder().method(method).uri(format!("/api/ext/{target}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[track_caller]
fn assert_error(response: &TestResponse, status: u16, code: &str) {
    response.assert_error(status, code);
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(
        response.json()["requestId"],
        response.headers["x-request-id"].to_str().unwrap()
    );
}

#[tokio::test]
async fn an_extension_is_found_by_name_registry_id_and_install_id() {
    let world = world_with("answers_ok", &[]).await;
    let page = world
        .operate(&installs(&tenant_id("acme"), &Page::default()))
        .await
        .ok();
    let install = &page.installs[0];
    for name in [
        "com.example.answers-ok",
        install.extension_id.as_str(),
        install.id.as_str(),
    ] {
        let response = world.get(&format!("{name}/")).await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (200, "ok"));
    }
}

#[tokio::test]
async fn a_page_calls_only_an_install_with_the_capability_for_it() {
    let world = world_with("answers_ok", &[]).await;
    published(&world, "com.example.page", |manifest| {
        manifest["capabilities"] = json!(["cap:ui.proxy"])
    })
    .await;
    let proxied = async |name: &str| {
        let request = Request::get(format!("/api/ext-proxy/{name}/")).header(
            "authorization",
            format!("Bearer {}", world.caller_token("acme", Access::Read)),
        );
        world.send(request.body(Body::empty()).unwrap()).await
    };
    assert_error(&proxied("com.example.answers-ok").await, 403, "capability_denied");
    assert_error(&proxied("com.example.page").await, 403, "capability_denied");
    let acme = tenant_id("acme");
    let release = InstallRequest {
        extension: "com.example.page".to_owned(),
        version: "1.0.0".to_owned(),
        grants: ["cap:ui.proxy".parse().unwrap()].into(),
        ..InstallRequest::default()
    };
    let list = world.operate(&installs(&acme, &Page::default())).await.ok().installs;
    let present = list
        .iter()
        .find(|install| install.name.as_str() == "com.example.page")
        .unwrap();
    world.operate(&uninstall(&acme, present.id.as_str())).await.ok();
    world.operate(&install(&acme, &release)).await.ok();
    assert_eq!(proxied("com.example.page").await.text(), "ok");
}

#[tokio::test]
async fn another_tenants_install_and_a_missing_one_give_the_same_error() {
    let world = world_with("answers_ok", &[]).await;
    let other = world.call("other", "GET", "com.example.answers-ok/", "").await;
    let no_caller = world.call("other", "GET", "com.example.never-was/", "").await;
    assert_error(&other, 404, "extension_not_available");
    assert_eq!(other.json()["message"], no_caller.json()["message"]);
}

/// Sends a request with these headers, none of which is a valid token.
async fn expect_unauthenticated(world: &TestPlatform, headers: &[(&str, &str)]) {
    let refused = send(world, "GET", "com.example.answers-ok/", headers).await;
    assert_error(&refused, 401, "unauthenticated");
}

#[tokio::test]
async fn a_request_without_a_valid_token_is_refused_outside_development_mode() {
    let world = world_with("answers_ok", &[]).await;
    expect_unauthenticated(&world, &[]).await;
    expect_unauthenticated(&world, &[("authorization", "Bearer x")]).await;
    expect_unauthenticated(&world, &[("x-alga-tenant", "acme"), ("x-alga-admin", "true")]).await;
    let developer = TestPlatform::with_settings(&[("dev_tenant", "acme")]).await;
    developer.with_guest("answers_ok", &[]).await;
    assert_eq!(
        send(&developer, "GET", "com.example.answers-ok/", &[]).await.text(),
        "ok"
    );
    expect_unauthenticated(&developer, &[("authorization", "Bearer x")]).await;
}

#[tokio::test]
async fn a_tenant_header_that_disagrees_with_the_token_is_refused() {
    let world = world_with("answers_ok", &[]).await;
    let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
    let with = |tenant: &'static str| [("authorization", token.clone()), ("x-alga-tenant", tenant.to_owned())];
    for (tenant, status) in [("acme", 200), ("other", 403), ("ACME", 403)] {
        let headers = with(tenant);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            send(&world, "GET", "com.example.answers-ok/", &headers).await.status,
            status,
            "{tenant}"
        );
    }
    let twice = [
        ("authorization", token.as_str()),
        ("x-alga-tenant", "acme"),
        ("x-alga-tenant", "acme"),
    ];
    assert_error(
        &send(&world, "GET", "com.example.answers-ok/", &twice).await,
        400,
        "bad_request",
    );
}

#[tokio::test]
async fn only_declared_endpoints_reach_the_guest_and_readers_cannot_write() {
    let world = world_with("answers_ok", &[]).await;
    assert_error(&world.get("com.example.answers-ok/a/b/c").await, 404, "not_found");
    assert_error(
        &world.call("acme", "PATCH", "com.example.answers-ok/a", "").await,
        405,
        "method_not_allowed",
    );
    for path in ["a/..%2fb", "a/%2e%2e/b", "%00"] {
        let refused = world.get(&format!("com.example.answers-ok/{path}")).await;
        assert_error(&refused, 400, "bad_request");
    }
    let send_with = async |access: Access, method: &str| {
        let bearer = format!("Bearer {}", world.caller_token("acme", access));
        send(&world, method, "com.example.answers-ok/", &[("authorization", &bearer)]).await
    };
    for method in ["GET", "HEAD"] {
        assert_eq!(send_with(Access::Read, method).await.status, 200, "{method}");
    }
    assert_error(&send_with(Access::Read, "DELETE").await, 403, "forbidden");
    assert_error(&send_with(Access::None, "GET").await, 403, "forbidden");
    let options = send_with(Access::Read, "OPTIONS").await;
    assert_eq!(
        (options.status.as_u16(), options.headers["allow"].to_str().unwrap()),
        (204, "GET, POST, PUT, DELETE")
    );
}

#[tokio::test]
async fn credentials_never_reach_the_guest_and_cookies_never_leave_it() {
    let world = world_with("echoes_the_request", &[]).await;
    world.with_guest("answers_as_the_path_says", &[]).await;
    let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
    let headers = [
        ("authorization", token.as_str()),
        ("cookie", "canary"),
        ("x-alga-user", "canary"),
        ("x-forwarded-for", "canary"),
        ("x-ext-a", "1"),
        ("x_ext_a", "canary"),
        ("accept", "text/html"),
        ("x-request-id", "r-7"),
    ];
    let response = send(&world, "GET", "com.example.echoes-the-request/?a=1&a=2", &headers).await;
    let seen = response.json();
    assert!(
        !response.text().contains("canary") && !response.text().contains("v4.public"),
        "{}",
        response.text()
    );
    assert_eq!(seen["target"], "/?a=1&a=2");
    let names: Vec<&str> = seen["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair[0].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["accept", "x-alga-extension", "x-alga-tenant", "x-ext-a", "x-request-id"]
    );
    assert_eq!(response.headers["x-request-id"], "r-7");
    let cookie = world.get("com.example.answers-as-the-path-says/cookie").await;
    assert_eq!(cookie.status, 200);
    assert!(!cookie.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_request_id_that_could_forge_a_log_line_is_replaced() {
    let world = world_with("answers_ok", &[]).await;
    for id in ["a b", "\u{1b}[31m", &"x".repeat(65), "{}"] {
        let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
        let request = Request::get("/api/ext/com.example.answers-ok/").header("authorization", &token);
        let request = request.header(
            "x-request-id",
            http::HeaderValue::from_bytes(id.as_bytes()).unwrap_or(http::HeaderValue::from_static("a b")),
        );
        let response = world.send(request.body(Body::empty()).unwrap()).await;
        assert_ne!(response.headers["x-request-id"].as_bytes(), id.as_bytes());
    }
}

#[tokio::test]
async fn the_gateway_preserves_runner_error_codes_and_refuses_large_bodies() {
    let world = world_with("traps", &[]).await;
    world.with_guest("answers_ok", &[]).await;
    assert_error(&world.get("com.example.traps/").await, 502, "guest_trapped");
    let large = "x".repeat(10 * 1024 * 1024 + 1);
    assert_error(
        &world.call("acme", "POST", "com.example.answers-ok/", &large).await,
        413,
        "payload_too_large",
    );
}

#[tokio::test]
async fn an_endpoint_that_exceeds_its_own_timeout_is_cancelled() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.slow", "1.0.0", &[]);
    manifest["api"] = json!({ "endpoints": [{ "method": "GET", "path": "/", "timeoutMs": 50 }] });
    let release = Release::new(world.key(), &manifest, &component("sleeps_for_an_hour"));
    world.publish(&release).await;
    world.install("acme", &release, &[]).await;
    assert_error(&world.get("com.example.slow/").await, 504, "deadline_exceeded");
}

#[tokio::test]
async fn a_tenant_over_its_rate_gets_retry_after() {
    let world = TestPlatform::with_settings(&[("gateway_requests_per_second", "5")]).await;
    world.with_guest("answers_ok", &[]).await;
    let mut accepted = 0;
    let mut refused = None;
    for _ in 0..200 {
        let response = world.get("com.example.answers-ok/").await;
        match response.status.as_u16() {
            200 => accepted += 1,
            _ => refused = Some(response),
        }
    }
    let refused = refused.expect("200 requests are more than 5 in a second");
    assert_error(&refused, 429, "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(accepted >= 10, "the burst was served: {accepted}");
    assert_eq!(
        world.call("other", "GET", "com.example.answers-ok/", "").await.status,
        404,
        "another tenant is not refused for it"
    );
}

#[tokio::test]
async fn an_install_change_is_effective_for_the_next_request() {
    let world = world_with("answers_ok", &[]).await;
    assert_eq!(world.get("com.example.answers-ok/").await.text(), "ok");
    let next = world.release("com.example.answers-ok", "2.0.0", "counts_in_a_global");
    world.publish(&next).await;
    world.install("acme", &next, &[]).await;
    assert_eq!(world.get("com.example.answers-ok/").await.text(), "1");
}

#[tokio::test]
async fn the_agreements_example_creates_reads_updates_and_deletes() {
    let world = TestPlatform::new().await;
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(alga_harness::root().join("examples/agreements/manifest.json")).unwrap())
            .unwrap();
    let release = Release::new(world.key(), &manifest, &component("agreements"));
    world.publish(&release).await;
    world.install("acme", &release, &["cap:storage.kv"]).await;
    let call = |method: &'static str, path: String, body: Value| {
        let world = &world;
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        async move {
            world
                .call("acme", method, &format!("com.example.agreements{path}"), &body)
                .await
        }
    };
    let support = json!({ "title": "Support", "client": "Initech", "monthly_cents": 9_900 });
    let created = call("POST", "/agreements".into(), support.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        call("GET", format!("/agreements/{id}"), Value::Null).await.json()["title"],
        "Support"
    );
    let changed = json!({ "title": "Support+", "client": "Initech", "monthly_cents": 12_900 });
    assert_eq!(
        call("PUT", format!("/agreements/{id}?revision=1"), changed.clone())
            .await
            .json()["revision"],
        2
    );
    assert_eq!(
        call("PUT", format!("/agreements/{id}?revision=1"), changed.clone())
            .await
            .status,
        409
    );
    assert_eq!(call("PUT", format!("/agreements/{id}"), changed).await.status, 400);
    let listed = call("GET", "/agreements".into(), Value::Null).await.json();
    assert_eq!(listed["agreements"].as_array().unwrap().len(), 1);
    for bad in [
        json!({ "title": "", "client": "x", "monthly_cents": 1 }),
        json!({ "title": "x", "client": "y", "monthly_cents": 100_000_001 }),
    ] {
        assert_eq!(call("POST", "/agreements".into(), bad).await.status, 422);
    }
    for bad in [
        json!({ "title": "x" }),
        json!({ "title": "x", "client": "y", "monthly_cents": 1, "extra": 1 }),
        json!([]),
    ] {
        assert_eq!(call("POST", "/agreements".into(), bad).await.status, 400);
    }
    assert_eq!(
        call("DELETE", format!("/agreements/{id}"), Value::Null).await.status,
        204
    );
    assert_eq!(call("GET", format!("/agreements/{id}"), Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_hello_example_uses_the_greeting_configured_for_its_install() {
    let world = TestPlatform::new().await;
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(alga_harness::root().join("examples/hello/manifest.json")).unwrap())
            .unwrap();
    let release = Release::new(world.key(), &manifest, &component("hello"));
    world.publish(&release).await;
    world.install("acme", &release, &[]).await;
    let request = InstallRequest {
        config: [("greeting".to_owned(), "Moin".to_owned())].into(),
        ..release.install_request(&[])
    };
    world.operate(&install(&tenant_id("nord"), &request)).await;
    assert_eq!(
        world.get("com.example.hello/hello/you").await.json()["message"],
        "Hello, you!"
    );
    assert_eq!(
        world.call("nord", "GET", "com.example.hello/hello", "").await.json()["message"],
        "Moin, world!"
    );
}

/// Sends a request with this caller's token.
async fn as_caller(world: &TestPlatform, caller: &Caller, method: &str, target: &str) -> u16 {
    let bearer = format!("Bearer {}", world.token_of(caller));
    send(world, method, target, &[("authorization", &bearer)])
        .await
        .status
        .as_u16()
}

async fn published(world: &TestPlatform, name: &str, change: impl Fn(&mut Value)) {
    let mut manifest = Release::manifest(name, "1.0.0", &[]);
    change(&mut manifest);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&release).await;
    assert!(world.install("acme", &release, &[]).await.status.is_success());
}

#[tokio::test]
async fn client_users_reach_only_extensions_with_a_client_portal_hook() {
    let world = TestPlatform::new().await;
    published(&world, "com.example.inside", |_| {}).await;
    published(&world, "com.example.portal", |manifest| {
        // The UI entry must be a file of the bundle; the component is one.
        manifest["ui"] = json!({ "type": "iframe", "entry": "ui/index.html", "hooks": { "clientPortalMenu": { "label": "Orders" } } });
    })
    .await;
    let customer = Caller {
        user_type: UserType::Client,
        ..Caller::developer("acme".parse().unwrap())
    };
    assert_eq!(as_caller(&world, &customer, "GET", "com.example.inside/").await, 403);
    assert_eq!(as_caller(&world, &customer, "GET", "com.example.portal/").await, 200);
}

#[tokio::test]
async fn an_endpoint_declares_the_access_that_its_callers_need() {
    let world = TestPlatform::new().await;
    published(&world, "com.example.search", |manifest| {
        manifest["api"]["endpoints"] = json!([
            { "method": "POST", "path": "/search", "auth": "read" },
            { "method": "GET", "path": "/secrets", "auth": "write" },
            { "method": "POST", "path": "/" },
        ]);
    })
    .await;
    let reader = Caller {
        access: Access::Read,
        ..Caller::developer("acme".parse().unwrap())
    };
    assert_eq!(
        as_caller(&world, &reader, "POST", "com.example.search/search").await,
        200
    );
    assert_eq!(
        as_caller(&world, &reader, "GET", "com.example.search/secrets").await,
        403
    );
    assert_eq!(as_caller(&world, &reader, "POST", "com.example.search/").await, 403);
}
