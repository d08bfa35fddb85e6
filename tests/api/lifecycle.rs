//! Installs with consent, withdrawn versions, and the audit log of all this.

use alga_bundle::{CapabilityName, EgressPattern, InstallStatus, VersionStatus};
use alga_harness::{Release, Reply, TestPlatform, component, query, tenant_id};
use alga_registry_types::{
    ConsentRequest, Install, Reason, Upgrade, UpgradeOutcome, UpgradeRequest, VersionDetails, audit_after,
    change_version, consent, disable, enable, roll_back, show_install, uninstall, upgrade, verify_audit,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NAME: &str = "com.example.ok";

/// Publishes version `version` of one extension, made from this guest and with these changes to its
/// manifest.
async fn publish(world: &TestPlatform, version: &str, guest: &str, change: impl Fn(&mut Value)) -> Release {
    let mut manifest = Release::manifest(NAME, version, &[]);
    change(&mut manifest);
    let release = Release::new(world.key(), &manifest, &component(guest));
    world.publish(&release).await;
    release
}

async fn world_with_install() -> TestPlatform {
    let world = TestPlatform::new().await;
    let release = publish(&world, "1.0.0", "answers_ok", |_| {}).await;
    assert!(world.install("acme", &release, &[]).await.status.is_success());
    world
}

fn upgrade_to(version: &str) -> UpgradeRequest {
    UpgradeRequest {
        version: version.parse().unwrap(),
        allow_downgrade: false,
    }
}

fn consent_to(version: &str) -> ConsentRequest {
    ConsentRequest {
        version: version.parse().unwrap(),
    }
}

async fn send_upgrade(world: &TestPlatform, request: &UpgradeRequest) -> Reply<Upgrade> {
    world.operate(&upgrade(&tenant_id("acme"), NAME, request)).await
}

async fn send_consent(world: &TestPlatform, request: &ConsentRequest) -> Reply<Install> {
    world.operate(&consent(&tenant_id("acme"), NAME, request)).await
}

async fn send_rollback(world: &TestPlatform) -> Reply<Install> {
    world.operate(&roll_back(&tenant_id("acme"), NAME)).await
}

async fn withdraw(world: &TestPlatform, version: &str, action: &str) -> Reply<VersionDetails> {
    let reason = Reason {
        reason: "a hole".to_owned(),
    };
    world.operate(&change_version(NAME, version, action, &reason)).await
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Sends a request as a user of the tenant; returns the status and, for an error, its code.
async fn call(world: &TestPlatform) -> (u16, String) {
    let response = world.get(&format!("{NAME}/")).await;
    (response.status.as_u16(), response.code())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

#[tokio::test]
async fn an_upgrade_without_new_grants_applies_at_once_and_rolls_back() {
    let world = world_with_install().await;
    publish(&world, "1.1.0", "counts_in_a_global", |_| {}).await;
    let upgraded = send_upgrade(&world, &upgrade_to("1.1.0")).await;
    assert_eq!(
        (upgraded.status.as_u16(), upgraded.ok().outcome),
        (200, UpgradeOutcome::Upgraded),
        "{}",
        upgraded.text()
    );
    assert_eq!(upgraded.ok().install.manifest.version.to_string(), "1.1.0");
    let body = async || world.get(&format!("{NAME}/")).await.text();
    assert_eq!(body().await, "1");
    let back = send_rollback(&world).await;
    assert_eq!(back.ok().manifest.version.to_string(), "1.0.0", "{}", back.text());
    assert_eq!(body().await, "ok");
    // A second rollback returns to the initial version.
    send_rollback(&world).await;
    assert_eq!(body().await, "1");
}

#[tokio::test]
async fn an_upgrade_that_needs_more_rights_waits_for_consent_to_that_version() {
    let world = world_with_install().await;
    publish(&world, "2.0.0", "storage_works", |manifest| {
        manifest["capabilities"] = json!(["cap:storage.kv"]);
        manifest["egress"] = json!(["api.example.com"]);
        manifest["secrets"] = json!([{ "name": "key", "hosts": ["api.example.com"] }]);
        manifest["ui"] =
            json!({ "type": "iframe", "entry": "ui/index.html", "hooks": { "appMenu": { "label": "Menu" } } });
        manifest["limits"] = json!({ "memoryMb": 128 });
        manifest["events"] = json!([{ "topic": "invoice.created", "handler": "/" }]);
        manifest["api"]["endpoints"][1]["auth"] = json!("read");
    })
    .await;
    publish(&world, "2.0.1", "answers_ok", |_| {}).await;
    let pending = send_upgrade(&world, &upgrade_to("2.0.0")).await;
    assert_eq!(
        (pending.status.as_u16(), pending.ok().outcome),
        (202, UpgradeOutcome::Pending),
        "{}",
        pending.text()
    );
    let diff = pending.ok().diff;
    let host: EgressPattern = "api.example.com".parse().unwrap();
    assert_eq!(diff.interfaces, set(["alga:storage/kv@1.0.0"]));
    assert_eq!(diff.capabilities, set(["cap:storage.kv"]));
    assert_eq!(diff.egress, BTreeSet::from([host]));
    assert_eq!(diff.secrets, set(["key", "key → api.example.com"]));
    assert_eq!(diff.ui_hooks, set(["appMenu"]));
    assert_eq!(diff.events, set(["invoice.created"]));
    assert_eq!(diff.open_endpoints, set(["POST /"]));
    assert_eq!(diff.limits, set(["memoryMb default → 128"]));
    assert_eq!(call(&world).await, ok(), "the old version still runs");
    assert_eq!(send_consent(&world, &consent_to("2.0.1")).await.code(), "conflict");
    assert_eq!(send_consent(&world, &consent_to("1.0.0")).await.code(), "conflict");
    let storage: CapabilityName = "cap:storage.kv".parse().unwrap();
    let install = send_consent(&world, &consent_to("2.0.0")).await.ok();
    assert_eq!(install.manifest.version.to_string(), "2.0.0", "{install:?}");
    assert!(install.grants.contains(&storage));
    assert_eq!(install.pending_version_id, None);
    // A consent is used up by its upgrade and does not cover a second one.
    assert_eq!(send_consent(&world, &consent_to("2.0.0")).await.code(), "conflict");
    // After the downgrade, only what the older version declares stays granted.
    let down = send_upgrade(&world, &upgrade_to("2.0.1")).await;
    assert!(!down.ok().install.grants.contains(&storage), "{}", down.text());
}

#[tokio::test]
async fn a_downgrade_must_be_explicitly_requested() {
    let world = world_with_install().await;
    publish(&world, "0.9.0", "answers_ok", |_| {}).await;
    let refused = send_upgrade(&world, &upgrade_to("0.9.0")).await;
    assert_eq!(refused.code(), "bad_request");
    assert!(refused.text().contains("--allow-downgrade"));
    let request = UpgradeRequest {
        allow_downgrade: true,
        ..upgrade_to("0.9.0")
    };
    let meant = send_upgrade(&world, &request).await;
    assert_eq!(meant.ok().outcome, UpgradeOutcome::Upgraded, "{}", meant.text());
}

#[tokio::test]
async fn a_disabled_install_serves_no_request_until_it_is_enabled() {
    let world = world_with_install().await;
    let acme = tenant_id("acme");
    let install = world.operate(&disable(&acme, NAME)).await.ok();
    assert_eq!(install.status, InstallStatus::Disabled);
    assert_eq!(call(&world).await, (404, "extension_not_available".into()));
    let install = world.operate(&enable(&acme, NAME)).await.ok();
    assert_eq!(install.status, InstallStatus::Enabled);
    assert_eq!(call(&world).await, ok());
}

#[tokio::test]
async fn a_yanked_version_runs_only_where_installed_and_a_revoked_one_nowhere() {
    let world = world_with_install().await;
    let release = world.release(NAME, "1.0.0", "answers_ok");
    assert_eq!(
        withdraw(&world, "1.0.0", "yank").await.ok().status,
        VersionStatus::Yanked
    );
    assert_eq!(call(&world).await, ok());
    assert_eq!(world.install("other", &release, &[]).await.code(), "version_revoked");
    assert_eq!(
        withdraw(&world, "1.0.0", "unyank").await.ok().status,
        VersionStatus::Published
    );
    assert!(world.install("other", &release, &[]).await.status.is_success());
    assert_eq!(
        withdraw(&world, "1.0.0", "deprecate").await.ok().deprecation.as_deref(),
        Some("a hole")
    );
    assert_eq!(
        withdraw(&world, "1.0.0", "revoke").await.ok().status,
        VersionStatus::Revoked
    );
    assert_eq!(call(&world).await, (410, "version_revoked".into()));
    assert_eq!(
        withdraw(&world, "1.0.0", "unyank").await.code(),
        "conflict",
        "a revocation is permanent"
    );
    // A revoked version is not reached by a rollback or by publishing it again either.
    publish(&world, "1.1.0", "answers_ok", |_| {}).await;
    send_upgrade(&world, &upgrade_to("1.1.0")).await;
    assert_eq!(call(&world).await, ok());
    assert_eq!(send_rollback(&world).await.code(), "version_revoked");
    world.publish(&release).await;
    assert_eq!(world.install("third", &release, &[]).await.code(), "version_revoked");
}

#[tokio::test]
async fn an_uninstall_deletes_the_records_and_preserves_the_bundle() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("storage_works", &["cap:storage.kv"]).await;
    assert_eq!(world.execute(&request).await.json()["status"], 200);
    let removal = uninstall(&tenant_id("acme"), "com.example.storage-works");
    assert_eq!(world.operate(&removal).await.status, 204);
    assert_eq!(world.operate(&removal).await.status, 404);
    assert_eq!(
        world.get("com.example.storage-works/").await.code(),
        "extension_not_available"
    );
    let release = Release::new(
        world.key(),
        &Release::manifest("com.example.storage-works", "1.0.0", &["cap:storage.kv"]),
        &component("storage_works"),
    );
    let again = world.install("acme", &release, &["cap:storage.kv"]).await;
    assert_eq!(
        world.execute(&world.request_for(&again.ok())).await.json()["status"],
        200,
        "it begins from nothing"
    );
}

/// A request for another tenant's install returns 404, whatever the request is.
#[tokio::test]
async fn an_install_of_another_tenant_is_not_found() {
    let world = world_with_install().await;
    let install = world.operate(&show_install(&tenant_id("acme"), NAME)).await.ok();
    let other = tenant_id("other");
    for name in [NAME, install.id.as_str()] {
        let removal = uninstall(&other, name);
        assert_eq!(world.operate(&removal).await.status, 404);
        let change = upgrade(&other, name, &upgrade_to("1.0.0"));
        assert_eq!(world.operate(&change).await.status, 404);
        for operation in [
            show_install(&other, name),
            consent(&other, name, &consent_to("1.0.0")),
            roll_back(&other, name),
            enable(&other, name),
            disable(&other, name),
        ] {
            assert_eq!(world.operate(&operation).await.status, 404, "{}", operation.path);
        }
    }
    assert_eq!(call(&world).await, ok());
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_and_a_changed_entry_is_found() {
    let world = world_with_install().await;
    publish(&world, "1.1.0", "answers_ok", |_| {}).await;
    send_upgrade(&world, &upgrade_to("1.1.0")).await;
    send_rollback(&world).await;
    world.operate(&disable(&tenant_id("acme"), NAME)).await;
    withdraw(&world, "1.1.0", "yank").await;
    world.operate(&uninstall(&tenant_id("acme"), NAME)).await;
    let page = world.operate(&audit_after(0)).await.ok();
    let actions: Vec<_> = page.entries.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "version.publish",
        "install.install",
        "version.publish",
        "install.upgrade",
        "install.rollback",
        "install.status",
        "version.status",
        "install.uninstall",
    ];
    assert_eq!(actions, expected);
    let verify = async || world.operate(&verify_audit()).await.ok();
    let chain = verify().await;
    assert_eq!((chain.entries, chain.broken_at), (8, None));
    // A trigger refuses changes to the table; changes made after removing the trigger are detected
    // by the hash chain.
    let Some(url) = world.database_url() else { return };
    query(
        url,
        "ALTER TABLE extension_audit_log DISABLE TRIGGER ALL; UPDATE extension_audit_log SET actor = 'nobody' WHERE sequence = 4",
    );
    assert_eq!(verify().await.broken_at, Some(4));
}
