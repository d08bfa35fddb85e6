//! A component of AlgaPSA's runner, composed with its adapters: every interface, granted and
//! denied. `old_world.json` has what the guest `works_in_the_old_world` responds; `cargo xtask
//! bless` rewrites it.

use crate::expect;
use alga_bundle::ComponentFacts;
use alga_capabilities::{adapt_legacy, known};
use alga_harness::{MockServer, Release, TestPlatform, borrowed, component, root, tenant_id};
use alga_registry_types::{InstallRequest, install};
use serde_json::{Value, json};

/// Interfaces whose results are the same in each run.
const STABLE: [&str; 10] = [
    "storage",
    "logging",
    "secrets",
    "http",
    "ui-proxy",
    "user",
    "scheduler",
    "invoicing",
    "clients",
    "services",
];
/// Capabilities that a tenant may refuse.
const REFUSABLE: [&str; 8] = [
    "cap:secrets.get",
    "cap:secrets.reveal",
    "cap:http.fetch",
    "cap:storage.kv",
    "cap:ui.proxy",
    "cap:client.read",
    "cap:service.read",
    "cap:invoice.manual.create",
];

fn adapted() -> Vec<u8> {
    adapt_legacy(&component("works_in_the_old_world")).unwrap().unwrap()
}

fn manifest(origin: &str) -> Value {
    let mut manifest = Release::manifest("com.example.old", "1.0.0", &["cap:log.emit", "cap:user.read"]);
    manifest["optionalCapabilities"] = json!(REFUSABLE);
    manifest["egress"] = json!([origin]);
    manifest["secrets"] = json!([{ "name": "api-key", "hosts": [origin] }]);
    manifest["uiProxy"] = json!([{ "name": "tickets", "method": "GET", "path": "/api/tickets/1" }]);
    manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn every_interface_of_the_old_world_works_when_granted_and_is_denied_with_its_own_value() {
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let mut settings = borrowed(&settings);
    // Each adapter has a memory and tables of its own: an execution of this guest uses several
    // slots.
    settings.push(("pool", "64"));
    let world = TestPlatform::with_settings(&settings).await;
    let release = Release::new(world.key(), &manifest(&outside.origin()), &adapted());
    world.publish(&release).await;
    let mut results = json!({});
    for (tenant, state, grants) in [("acme", "granted", &REFUSABLE[..]), ("other", "denied", &[])] {
        let request = InstallRequest {
            config: [("greeting".to_owned(), outside.origin())].into(),
            secrets: [("api-key".to_owned(), "s3cret".to_owned().into())].into(),
            ..release.install_request(grants)
        };
        world.operate(&install(&tenant_id(tenant), &request)).await.ok();
        for path in STABLE {
            let response = world.call(tenant, "GET", &format!("com.example.old/{path}"), "").await;
            assert_eq!(response.status, 200, "{}", response.text());
            let text = response.text().replace(&outside.port().to_string(), "{port}");
            results[state][path] = text.lines().map(str::to_owned).collect();
        }
    }
    expect(root().join("tests/conformance/old_world.json"), &results);
    let request = world.call("acme", "GET", "com.example.old/request?a=1", "").await;
    let fields = request.headers.get_all("x-ext-old");
    assert_eq!(fields.iter().collect::<Vec<_>>(), ["one", "two"]);
    for part in [
        "url: \"/request?a=1\"",
        "method: \"GET\"",
        "name: \"x-alga-trigger\", value: \"http\"",
        &format!("name: \"x-alga-config-greeting\", value: \"{}\"", outside.origin()),
        "tenant-id: \"acme\"",
        "install-id: Some(",
    ] {
        assert!(request.text().contains(part), "{part} in {}", request.text());
    }
}

#[test]
fn a_component_of_the_old_world_asks_for_what_it_imports_and_is_composed_deterministically() {
    let composed = adapted();
    assert_eq!(composed, adapted());
    let facts = ComponentFacts::read(&composed).unwrap();
    assert!(facts.exports_handler());
    let needs: Vec<String> = facts.needs(known()).map(|name| name.to_string()).collect();
    for name in REFUSABLE {
        assert!(needs.iter().any(|needed| needed == name), "{name}");
    }
    let is_old = |name: &&String| name.starts_with("alga:extension/");
    let old: Vec<_> = facts.imports.keys().filter(is_old).collect();
    assert!(old.is_empty(), "{old:?}");
    // One of this platform's own world is left as it is.
    assert!(adapt_legacy(&component("answers_ok")).unwrap().is_none());
}
