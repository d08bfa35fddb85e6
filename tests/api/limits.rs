//! Limits that are set in one place and enforced in another: accepted limits are enforced, and
//! limits that cannot be enforced are refused where they are set.

use alga_auth::Access;
use alga_bundle::ManifestLimits;
use alga_harness::{Release, TestPlatform, component, tenant_id};
use alga_registry_types::{
    Execution, InstallRequest, Page, TermsRequest, UpgradeRequest, executions, install, set_terms, upgrade,
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tower::ServiceExt;

fn memory(mb: u32) -> ManifestLimits {
    ManifestLimits {
        memory_mb: Some(mb),
        ..ManifestLimits::default()
    }
}

/// Returns a request that installs a release without grants and with these limits.
fn install_within(release: &Release, limits: ManifestLimits) -> InstallRequest {
    InstallRequest {
        limits: Some(limits),
        ..release.install_request(&[])
    }
}

#[tokio::test]
async fn allocations_succeed_up_to_the_granted_memory_and_fail_beyond() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.takes-memory", "1.0.0", &[]);
    manifest["limits"] = json!({ "memoryMb": 128 });
    let release = Release::new(world.key(), &manifest, &component("takes_memory"));
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await;
    assert!(install.status.is_success(), "{}", install.text());
    let take = async |mib: u32| world.get(&format!("com.example.takes-memory/?mib={mib}")).await;
    for mib in [50, 100, 120] {
        assert_eq!(take(mib).await.text(), format!("took {mib} MiB"));
    }
    for mib in [128, 300, 1_500] {
        let refused = take(mib).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (502, "memory_limit"),
            "{mib}"
        );
    }
}

#[tokio::test]
async fn limits_above_the_hosts_ceilings_are_refused_at_publish_and_consent() {
    let world = TestPlatform::with_settings(&[("memory_max_mb", "100"), ("pool_table_elements", "5000")]).await;
    let publish = async |name: &str, limits: Value, component: &[u8]| {
        let mut manifest = Release::manifest(name, "1.0.0", &[]);
        manifest["limits"] = limits;
        let release = Release::new(world.key(), &manifest, component);
        let response = world.try_publish(&release).await;
        (release, response)
    };
    let guest = component("answers_ok");
    let (_, refused) = publish("com.example.large", json!({ "memoryMb": 101 }), &guest).await;
    refused.assert_refused(422, "manifest_invalid", "at most 100 (MEMORY_CEILING_MB)");
    let table = "(component (core module (table 5001 funcref)) (core instance (instantiate 0)) \
                 (instance $handler) (export \"wasi:http/incoming-handler@0.2.12\" (instance $handler)))";
    let (_, refused) = publish("com.example.table", Value::Null, &wat::parse_str(table).unwrap()).await;
    refused.assert_refused(422, "component_invalid", "at most 5000 (TABLE_ELEMENTS)");

    let (release, published) = publish("com.example.fits", json!({ "memoryMb": 100 }), &guest).await;
    assert_eq!(published.status, 201, "{}", published.text());
    let acme = tenant_id("acme");
    let large = install_within(&release, memory(101));
    let refused = world.operate(&install(&acme, &large)).await;
    refused.assert_refused(400, "bad_request", "at most 100");
    let limits = ManifestLimits {
        timeout_ms: Some(30_001),
        ..ManifestLimits::default()
    };
    let late = install_within(&release, limits);
    assert_eq!(world.operate(&install(&acme, &late)).await.status, 400);
}

#[tokio::test]
async fn configuration_over_the_size_limit_is_refused_when_it_is_set() {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.configured", "1.0.0", "answers_ok");
    world.publish(&release).await;
    let acme = tenant_id("acme");
    let config = |bytes: usize| BTreeMap::from([("greeting".to_owned(), "x".repeat(bytes))]);
    let request = |bytes: usize| InstallRequest {
        config: config(bytes),
        ..release.install_request(&[])
    };
    let most = 64 * 1024 - "greeting".len();
    let refused = world.operate(&install(&acme, &request(most + 1))).await;
    refused.assert_refused(400, "bad_request", "at most 65536 (CONFIG_BYTES)");
    let accepted = world.operate(&install(&acme, &request(most))).await;
    assert_eq!(accepted.status, 201, "{}", accepted.text());
    assert_eq!(world.get("com.example.configured/").await.text(), "ok");
    let terms = TermsRequest {
        config: config(70_000),
        ..TermsRequest::default()
    };
    // Control characters have six bytes in JSON, in which a remote runner gets the configuration.
    let escaped = |count: usize| InstallRequest {
        config: BTreeMap::from([("greeting".to_owned(), "\u{1}".repeat(count))]),
        ..release.install_request(&[])
    };
    let refused = world.operate(&install(&acme, &escaped(22_000))).await;
    refused.assert_refused(400, "bad_request", "(CONFIG_JSON_BYTES)");
    world.operate(&install(&acme, &escaped(21_000))).await.ok();
    let remote = world.remote_gateway().await;
    let token = format!("Bearer {}", world.caller_token("acme", Access::Write));
    let request = http::Request::get("/api/ext/com.example.configured/").header("authorization", token);
    let response = remote.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let id = accepted.ok().id;
    let refused = world.operate(&set_terms(&acme, id.as_str(), &terms)).await;
    refused.assert_error(400, "bad_request");
    assert_eq!(world.get("com.example.configured/").await.text(), "ok");
}

#[tokio::test]
async fn an_install_with_as_many_hosts_as_a_manifest_may_have_can_be_executed() {
    let world = TestPlatform::new().await;
    let label = "a".repeat(60);
    let hosts: Vec<String> = (0..100)
        .map(|number| format!("h{number}.{label}.{label}.{label}.example.com:65535"))
        .collect();
    let mut manifest = Release::manifest("com.example.hosts", "1.0.0", &[]);
    manifest["egress"] = json!(hosts);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&release).await;
    assert!(world.install("acme", &release, &[]).await.status.is_success());
    assert_eq!(world.get("com.example.hosts/").await.text(), "ok");
}

#[tokio::test]
async fn an_execution_whose_client_disconnects_is_recorded_with_log_and_usage() {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.leaver", "1.0.0", "logs_and_waits");
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    let token = world.caller_token("acme", Access::Write);
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    // The client disconnects at some moment. On a busy machine the guest may not have started by
    // then; a later disconnect is late enough.
    let mut record: Option<Execution> = None;
    for wait_ms in [100, 300, 1_000, 3_000] {
        let request = Request::get("/api/ext/com.example.leaver/").header("authorization", format!("Bearer {token}"));
        let client = world.send(request.body(Body::empty()).unwrap());
        assert!(
            tokio::time::timeout(Duration::from_millis(wait_ms), client)
                .await
                .is_err()
        );
        world.platform().settle().await;
        record = world.operate(&list).await.ok().executions.into_iter().next();
        let first = record.as_ref().and_then(|record| record.log.first());
        if first.is_some_and(|line| line.message == "began") {
            break;
        }
    }
    let record = record.unwrap();
    assert_eq!(
        (record.status, record.code.as_deref()),
        (None, Some("client_closed")),
        "{record:?}"
    );
    let messages: Vec<_> = record.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages.first(), Some(&"began"), "{record:?}");
    assert!(messages.last().unwrap().contains("closed its connection"), "{record:?}");
    assert!(record.duration_us > 0, "{record:?}");
    assert!(record.usage.as_ref().unwrap().memory_peak_bytes > 0, "{record:?}");
}

#[tokio::test]
async fn a_component_with_too_much_initial_memory_is_refused_before_it_runs() {
    let world = TestPlatform::new().await;
    let component = "(component (core module (memory 1025)) (core instance (instantiate 0)) \
                     (instance $handler) (export \"wasi:http/incoming-handler@0.2.12\" (instance $handler)))";
    let component = wat::parse_str(component).unwrap();
    let publish = async |version: &str, limits: Value| {
        let mut manifest = Release::manifest("com.example.starts-large", version, &[]);
        manifest["limits"] = limits;
        let release = Release::new(world.key(), &manifest, &component);
        let response = world.try_publish(&release).await;
        (release, response)
    };
    // 1025 pages are one more than the 64 MiB of a manifest without limits.
    let (_, refused) = publish("1.0.0", Value::Null).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(
        refused.text().contains("at most 64 (MEMORY_DEFAULT_MB)"),
        "{}",
        refused.text()
    );
    let (release, published) = publish("1.0.1", json!({ "memoryMb": 65 })).await;
    assert_eq!(published.status, 201, "{}", published.text());
    let request = install_within(&release, memory(64));
    let refused = world.operate(&install(&tenant_id("acme"), &request)).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
}

#[tokio::test]
async fn an_upgrade_counts_tenant_values_and_not_the_previous_defaults() {
    let world = TestPlatform::new().await;
    let publish = async |version: &str, fields: Value| {
        let mut manifest = Release::manifest("com.example.defaults", version, &[]);
        manifest["config"] = fields;
        let release = Release::new(world.key(), &manifest, &component("answers_ok"));
        world.publish(&release).await;
        release
    };
    let large = "x".repeat(3_000);
    let before: Vec<_> = (0..20)
        .map(|number| json!({ "name": format!("a{number}"), "type": "string", "default": large }))
        .collect();
    let first = publish("1.0.0", json!(before)).await;
    assert!(world.install("acme", &first, &[]).await.status.is_success());
    // The same fields without a default, and another twenty: both sets together would exceed
    // CONFIG_BYTES.
    let mut after: Vec<_> = (0..20)
        .map(|number| json!({ "name": format!("a{number}"), "type": "string" }))
        .collect();
    after.extend((0..20).map(|number| json!({ "name": format!("b{number}"), "type": "string", "default": large })));
    publish("2.0.0", json!(after)).await;
    let request = UpgradeRequest {
        version: "2.0.0".parse().unwrap(),
        allow_downgrade: false,
    };
    let upgraded = world
        .operate(&upgrade(&tenant_id("acme"), "com.example.defaults", &request))
        .await;
    assert_eq!(upgraded.status, 200, "{}", upgraded.text());
}
