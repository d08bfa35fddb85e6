//! Every capability in Python, granted and denied: one guest calls all modules of `alga`, because
//! an interpreter needs half a minute to be compiled. `python.json` of each capability has the
//! results; `cargo xtask bless` rewrites it.

use crate::{directory, expect};
use alga_capabilities::{adapt_function, modules, stub_unsupported_imports};
use alga_harness::{MockServer, Release, TestPlatform, borrowed, component, tenant_id};
use alga_registry_types::{InstallRequest, install};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Returns the guest as `alga pack` composes it.
fn guest() -> Vec<u8> {
    let adapted = adapt_function(&component("python_sdk")).unwrap().unwrap().component;
    stub_unsupported_imports(&adapted).unwrap().unwrap_or(adapted)
}

/// Returns what the guests of all capabilities need, together: the manifest's fields, the secrets.
fn setups(port: u16) -> (BTreeMap<String, Value>, BTreeMap<String, String>) {
    let (mut fields, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    for (module, _) in modules() {
        let Ok(text) = fs::read_to_string(directory(module).join("setup.json")) else {
            continue;
        };
        let setup: Value = serde_json::from_str(&text.replace("{port}", &port.to_string())).unwrap();
        for (field, value) in setup["manifest"].as_object().into_iter().flatten() {
            // Of two lists of hosts or secrets, the longer one has the other's.
            let length = |value: &Value| value.as_array().map_or(0, Vec::len);
            let known = fields.entry(field.clone()).or_insert_with(|| value.clone());
            if length(value) > length(known) {
                *known = value.clone();
            }
        }
        secrets.extend(serde_json::from_value::<BTreeMap<_, _>>(setup["secrets"].clone()).unwrap_or_default());
    }
    (fields, secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_capability_works_in_python_when_granted_and_is_denied_by_name_when_not() {
    if std::env::var_os("ALGA_TEST_POSTGRES").is_some() {
        return; // Python knows no database.
    }
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let settings = borrowed(&settings);
    let world = TestPlatform::with_settings(&settings).await;
    let optional = || {
        modules()
            .iter()
            .filter(|(_, capability)| !capability.granted_by_default)
    };
    let names: Vec<&str> = optional().map(|(_, capability)| capability.name).collect();
    let defaults = modules().iter().filter(|(_, capability)| capability.granted_by_default);
    let defaults: Vec<&str> = defaults.map(|(_, capability)| capability.name).collect();
    let mut manifest = Release::manifest("com.example.python", "1.0.0", &defaults);
    let (fields, secrets) = setups(outside.port());
    for (field, value) in fields {
        manifest[&field] = value;
    }
    manifest["optionalCapabilities"] = json!(names);
    manifest["limits"] = json!({ "memoryMb": 128, "timeoutMs": 30_000 });
    let release = Release::new(world.key(), &manifest, &guest());
    world.publish(&release).await;
    let mut results: BTreeMap<&str, Value> = BTreeMap::new();
    for (tenant, state, grants) in [("acme", "granted", &names[..]), ("other", "denied", &[])] {
        let request = InstallRequest {
            config: [("greeting".to_owned(), outside.origin())].into(),
            secrets: serde_json::from_value(json!(secrets)).unwrap(),
            ..release.install_request(grants)
        };
        world.operate(&install(&tenant_id(tenant), &request)).await.ok();
        for (module, capability) in modules() {
            if state == "denied" && capability.granted_by_default {
                continue;
            }
            let response = world
                .call(tenant, "GET", &format!("com.example.python/{module}"), "")
                .await;
            let text = response.text().replace(&outside.port().to_string(), "{port}");
            let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let case = json!({ "status": response.status.as_u16(), "body": body });
            results
                .entry(module)
                .or_insert_with(|| json!({ "granted": null, "denied": null }))[state] = case;
        }
    }
    for (module, both) in results {
        expect(directory(module).join("python.json"), &both);
    }
}
