//! Bodies of the registry's API as clients receive them, compared with snapshots beside this file.
//! Values that differ from run to run are replaced by their names.

use alga_harness::{Release, Reply, TestPlatform, component, tenant_id};
use alga_registry_types::{
    Page, Reason, UpgradeRequest, audit_after, change_version, executions, installs, show_version, upgrade,
    verify_audit, versions,
};
use serde_json::{Value, json};

const NAME: &str = "com.example.log-works";

fn snapshot<R>(name: &str, response: &Reply<R>) {
    assert!(response.status.is_success(), "{}", response.text());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_sort_maps(true);
    for (selector, name) in [
        (".**.id", "[id]"),
        (".**.extension_id", "[id]"),
        (".**.install_id", "[id]"),
        (".**.version_id", "[id]"),
        (".**.request_id", "[id]"),
        (".**.pending_version_id", "[id]"),
        (".**.subject", "[id]"),
        (".**.next", "[id]"),
        (".**.content_hash", "[digest]"),
        (".**.contentHash", "[digest]"),
        (".**.digest", "[digest]"),
        (".**.sha256", "[digest]"),
        (".**.component", "[digest]"),
        (".**.hash", "[digest]"),
        (".**.head", "[digest]"),
        (".**.signing_key", "[key]"),
        (".**.signingKey", "[key]"),
        (".**.receipt", "[receipt]"),
        (".**.details", "[details]"),
        (".**.ended_at_ms", "[time]"),
        (".**.published_at_ms", "[time]"),
        (".**.at_ms", "[time]"),
        (".**.duration_us", "[time]"),
        (".**.cpu_us", "[time]"),
        (".**.guest_cpu_us", "[time]"),
        (".**.queued_us", "[time]"),
        (".**.memory_peak_bytes", "[bytes]"),
        // A guest that polls makes one call more or less.
        (".**.host_calls", "[calls]"),
        (".**.host_calls_by", "[calls by interface]"),
    ] {
        settings.add_redaction(selector, name);
    }
    settings.bind(|| insta::assert_json_snapshot!(format!("body_{name}"), response.json()));
}

#[tokio::test]
async fn the_bodies_of_the_registry_have_the_form_of_their_snapshots() {
    let world = TestPlatform::new().await;
    let tenant = tenant_id("acme");
    let first = Release::new(world.key(), &manifest("1.0.0"), &component("log_works"));
    snapshot("published", &world.publish(&first).await);
    snapshot("install", &world.install("acme", &first, &[]).await);
    world.get(&format!("{NAME}/")).await;
    world.platform().settle().await;
    let page = Page::default();
    snapshot("executions", &world.operate(&executions(&tenant, NAME, &page)).await);
    let mut second = manifest("1.1.0");
    second["egress"] = json!(["api.example.com"]);
    world
        .publish(&Release::new(world.key(), &second, &component("log_works")))
        .await;
    let request = UpgradeRequest {
        version: "1.1.0".parse().unwrap(),
        allow_downgrade: false,
    };
    snapshot("upgrade", &world.operate(&upgrade(&tenant, NAME, &request)).await);
    snapshot("installs", &world.operate(&installs(&tenant, &page)).await);
    let reason = Reason {
        reason: "use the next one".to_owned(),
    };
    let deprecate = change_version(NAME, "1.0.0", "deprecate", &reason);
    snapshot("deprecated", &world.operate(&deprecate).await);
    snapshot("version", &world.operate(&show_version(NAME, "1.1.0")).await);
    snapshot("versions", &world.operate(&versions(NAME, &page)).await);
    snapshot("audit", &world.operate(&audit_after(0)).await);
    snapshot("audit_chain", &world.operate(&verify_audit()).await);
}

fn manifest(version: &str) -> Value {
    let mut manifest = Release::manifest(NAME, version, &[]);
    manifest["api"] = json!({ "endpoints": [{ "method": "GET", "path": "/" }] });
    manifest
}
