//! A component that imports proposals of WASI for keys and values, configuration and logs, composed
//! with their adapters: every function in every version, granted and denied. `standard.json` has
//! what the guest `works_with_the_standards_interfaces` responds; `cargo xtask bless` rewrites it.

use crate::expect;
use alga_bundle::ComponentFacts;
use alga_capabilities::{Adapted, adapt_standard, known};
use alga_harness::{Release, TestPlatform, component, root, tenant_id};
use alga_registry_types::{InstallRequest, Page, executions, install};
use futures_util::future::join_all;
use serde_json::json;

const PATHS: [&str; 4] = ["keyvalue-draft", "keyvalue-draft2", "config", "logging"];

fn adapted() -> Adapted {
    adapt_standard(&component("works_with_the_standards_interfaces"))
        .unwrap()
        .unwrap()
}

fn release(world: &TestPlatform) -> Release {
    let mut manifest = Release::manifest("com.example.standard", "1.0.0", &["cap:log.emit", "cap:context.read"]);
    manifest["optionalCapabilities"] = json!(["cap:storage.kv"]);
    Release::new(world.key(), &manifest, &adapted().component)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_interface_of_the_standard_works_when_granted_and_is_denied_with_its_own_value() {
    let world = TestPlatform::with_settings(&[("pool", "64")]).await;
    let release = release(&world);
    world.publish(&release).await;
    let mut results = json!({});
    for (tenant, state, grants) in [("acme", "granted", &["cap:storage.kv"][..]), ("other", "denied", &[])] {
        let request = InstallRequest {
            config: [("greeting".to_owned(), "hello".to_owned())].into(),
            ..release.install_request(grants)
        };
        let installed = world.operate(&install(&tenant_id(tenant), &request)).await.ok();
        for path in PATHS {
            let response = world
                .call(tenant, "GET", &format!("com.example.standard/{path}"), "")
                .await;
            assert_eq!(response.status, 200, "{path}: {}", response.text());
            results[state][path] = response.text().lines().map(str::to_owned).collect();
        }
        world.platform().settle().await;
        let page = executions(&installed.tenant_id, installed.id.as_str(), &Page::default());
        let stored = world.operate(&page).await.ok().executions;
        let lines = stored.iter().flat_map(|record| &record.log);
        results[state]["log"] = lines
            .map(|line| json!([line.level, line.message, line.fields]))
            .collect();
    }
    expect(root().join("tests/conformance/standard.json"), &results);
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_of_concurrent_executions_are_all_counted() {
    const EXECUTIONS: usize = 16;
    let world = TestPlatform::with_settings(&[("pool", "128"), ("tenant_executions", "64")]).await;
    let release = release(&world);
    world.publish(&release).await;
    let request = release.install_request(&["cap:storage.kv"]);
    world.operate(&install(&tenant_id("acme"), &request)).await.ok();
    let call = || world.call("acme", "GET", "com.example.standard/increment", "");
    let responses = join_all((0..EXECUTIONS).map(|_| call())).await;
    let mut texts: Vec<_> = responses.iter().map(|response| response.text()).collect();
    let mut expected: Vec<_> = (1..=EXECUTIONS)
        .map(|number| format!("increment Ok({number})"))
        .collect();
    texts.sort();
    expected.sort();
    assert_eq!(texts, expected);
}

#[test]
fn a_component_of_the_standard_asks_for_what_its_interfaces_need_and_is_composed_deterministically() {
    let composed = adapted();
    assert_eq!(composed, adapted());
    assert_eq!(composed.satisfied.len(), 10, "{:?}", composed.satisfied);
    let facts = ComponentFacts::read(&composed.component).unwrap();
    assert!(facts.exports_handler());
    let needs: Vec<String> = facts.needs(known()).map(|name| name.to_string()).collect();
    for name in ["cap:storage.kv", "cap:context.read", "cap:log.emit"] {
        assert!(needs.iter().any(|needed| needed == name), "{name} of {needs:?}");
    }
    for name in &composed.satisfied {
        assert!(!facts.imports.contains_key(name), "{name}");
    }
}
