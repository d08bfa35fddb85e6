//! Installs with consent, withdrawn versions, and the audit log of all this.

use alga_harness::{Answer, Release, TestPlatform, component, query};
use serde_json::{Value, json};

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

async fn act(world: &TestPlatform, action: &str, body: Value) -> Answer {
    world
        .send_json(
            "POST",
            &format!("/v1/registry/tenants/acme/installs/{NAME}/{action}"),
            &body,
        )
        .await
}

async fn withdraw(world: &TestPlatform, version: &str, action: &str) -> Answer {
    let path = format!("/v1/registry/extensions/{NAME}/versions/{version}/{action}");
    world.send_json("POST", &path, &json!({ "reason": "a hole" })).await
}

/// Sends a request as a user of the tenant; returns the status and, for an error, its code.
async fn call(world: &TestPlatform) -> (u16, String) {
    let answer = world.call("acme", "GET", &format!("{NAME}/"), "").await;
    (answer.status.as_u16(), answer.code())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

#[tokio::test]
async fn an_upgrade_without_new_grants_applies_at_once_and_rolls_back() {
    let world = world_with_install().await;
    publish(&world, "1.1.0", "counts_in_a_global", |_| {}).await;
    let upgraded = act(&world, "upgrade", json!({ "version": "1.1.0" })).await;
    assert_eq!(
        (upgraded.status.as_u16(), &upgraded.json()["outcome"]),
        (200, &json!("upgraded")),
        "{}",
        upgraded.text()
    );
    assert_eq!(upgraded.json()["install"]["manifest"]["version"], "1.1.0");
    let body = async || world.call("acme", "GET", &format!("{NAME}/"), "").await.text();
    assert_eq!(body().await, "1");
    let back = act(&world, "rollback", Value::Null).await;
    assert_eq!(back.json()["manifest"]["version"], "1.0.0", "{}", back.text());
    assert_eq!(body().await, "ok");
    // A second rollback returns to the initial version.
    act(&world, "rollback", Value::Null).await;
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
            json!({ "type": "iframe", "entry": "dist/main.wasm", "hooks": { "appMenu": { "label": "Menu" } } });
        manifest["limits"] = json!({ "memoryMb": 128 });
        manifest["events"] = json!([{ "topic": "invoice.created", "handler": "/" }]);
        manifest["api"]["endpoints"][1]["auth"] = json!("read");
    })
    .await;
    publish(&world, "2.0.1", "answers_ok", |_| {}).await;
    let pending = act(&world, "upgrade", json!({ "version": "2.0.0" })).await;
    assert_eq!(
        (pending.status.as_u16(), &pending.json()["outcome"]),
        (202, &json!("pending")),
        "{}",
        pending.text()
    );
    let diff = &pending.json()["diff"];
    assert_eq!(diff["interfaces"], json!(["alga:storage/kv@1.0.0"]));
    assert_eq!(diff["capabilities"], json!(["cap:storage.kv"]));
    assert_eq!(diff["egress"], json!(["api.example.com"]));
    assert_eq!(diff["secrets"], json!(["key", "key → api.example.com"]));
    assert_eq!(diff["ui_hooks"], json!(["appMenu"]));
    assert_eq!(diff["events"], json!(["invoice.created"]));
    assert_eq!(diff["open_endpoints"], json!(["POST /"]));
    assert_eq!(diff["limits"], json!(["memoryMb default → 128"]));
    assert_eq!(call(&world).await, ok(), "the old version still runs");
    assert_eq!(
        act(&world, "consent", json!({ "version": "2.0.1" })).await.code(),
        "conflict"
    );
    assert_eq!(
        act(&world, "consent", json!({ "version": "1.0.0" })).await.code(),
        "conflict"
    );
    let consented = act(&world, "consent", json!({ "version": "2.0.0" })).await;
    assert_eq!(consented.json()["manifest"]["version"], "2.0.0", "{}", consented.text());
    assert!(consented.json()["grants"].to_string().contains("cap:storage.kv"));
    assert!(consented.json().get("pending_version_id").is_none());
    // A consent is used up by its upgrade and does not cover a second one.
    assert_eq!(
        act(&world, "consent", json!({ "version": "2.0.0" })).await.code(),
        "conflict"
    );
    // After the downgrade, only what the older version declares stays granted.
    let down = act(
        &world,
        "upgrade",
        json!({ "version": "2.0.1", "allow_downgrade": false }),
    )
    .await;
    assert!(
        !down.json()["install"]["grants"].to_string().contains("cap:storage.kv"),
        "{}",
        down.text()
    );
}

#[tokio::test]
async fn a_downgrade_must_be_explicitly_requested() {
    let world = world_with_install().await;
    publish(&world, "0.9.0", "answers_ok", |_| {}).await;
    let refused = act(&world, "upgrade", json!({ "version": "0.9.0" })).await;
    assert_eq!(refused.code(), "bad_request");
    assert!(refused.text().contains("--allow-downgrade"));
    let meant = act(
        &world,
        "upgrade",
        json!({ "version": "0.9.0", "allow_downgrade": true }),
    )
    .await;
    assert_eq!(meant.json()["outcome"], "upgraded", "{}", meant.text());
}

#[tokio::test]
async fn a_disabled_install_serves_no_request_until_it_is_enabled() {
    let world = world_with_install().await;
    act(&world, "disable", Value::Null).await;
    assert_eq!(call(&world).await, (404, "extension_not_available".into()));
    act(&world, "enable", Value::Null).await;
    assert_eq!(call(&world).await, ok());
}

#[tokio::test]
async fn a_yanked_version_runs_only_where_installed_and_a_revoked_one_nowhere() {
    let world = world_with_install().await;
    let release = Release::new(
        world.key(),
        &Release::manifest(NAME, "1.0.0", &[]),
        &component("answers_ok"),
    );
    assert_eq!(withdraw(&world, "1.0.0", "yank").await.json()["status"], "yanked");
    assert_eq!(call(&world).await, ok());
    assert_eq!(world.install("other", &release, &[]).await.code(), "version_revoked");
    assert_eq!(withdraw(&world, "1.0.0", "unyank").await.json()["status"], "published");
    assert!(world.install("other", &release, &[]).await.status.is_success());
    assert_eq!(
        withdraw(&world, "1.0.0", "deprecate").await.json()["deprecation"],
        "a hole"
    );
    assert_eq!(withdraw(&world, "1.0.0", "revoke").await.json()["status"], "revoked");
    assert_eq!(call(&world).await, (410, "version_revoked".into()));
    assert_eq!(
        withdraw(&world, "1.0.0", "unyank").await.code(),
        "conflict",
        "a revocation is permanent"
    );
    // A revoked version is not reached by a rollback or by publishing it again either.
    publish(&world, "1.1.0", "answers_ok", |_| {}).await;
    act(&world, "upgrade", json!({ "version": "1.1.0" })).await;
    assert_eq!(call(&world).await, ok());
    assert_eq!(act(&world, "rollback", Value::Null).await.code(), "version_revoked");
    world.publish(&release).await;
    assert_eq!(world.install("third", &release, &[]).await.code(), "version_revoked");
}

#[tokio::test]
async fn an_uninstall_deletes_the_records_and_preserves_the_bundle() {
    let world = TestPlatform::new().await;
    let request = world.with_guest("storage_works", &["cap:storage.kv"]).await;
    assert_eq!(world.execute(&request).await.json()["status"], 200);
    let path = "/v1/registry/tenants/acme/installs/com.example.storage-works";
    assert_eq!(world.send_json("DELETE", path, &Value::Null).await.status, 204);
    assert_eq!(world.send_json("DELETE", path, &Value::Null).await.status, 404);
    assert_eq!(
        world.call("acme", "GET", "com.example.storage-works/", "").await.code(),
        "extension_not_available"
    );
    let release = Release::new(
        world.key(),
        &Release::manifest("com.example.storage-works", "1.0.0", &["cap:storage.kv"]),
        &component("storage_works"),
    );
    let again = world.install("acme", &release, &["cap:storage.kv"]).await;
    assert_eq!(
        world.execute(&world.request_for(&again.json())).await.json()["status"],
        200,
        "it begins from nothing"
    );
}

/// A request for another tenant's install returns 404, whatever the request is.
#[tokio::test]
async fn an_install_of_another_tenant_is_not_found() {
    let world = world_with_install().await;
    let id = world
        .send_json(
            "GET",
            &format!("/v1/registry/tenants/acme/installs/{NAME}"),
            &Value::Null,
        )
        .await
        .json()["id"]
        .clone();
    for name in [NAME, id.as_str().unwrap()] {
        let path = format!("/v1/registry/tenants/other/installs/{name}");
        assert_eq!(world.send_json("GET", &path, &Value::Null).await.status, 404);
        assert_eq!(world.send_json("DELETE", &path, &Value::Null).await.status, 404);
        for action in ["upgrade", "consent", "rollback", "enable", "disable"] {
            let body = json!({ "version": "1.0.0" });
            assert_eq!(
                world.send_json("POST", &format!("{path}/{action}"), &body).await.status,
                404,
                "{action}"
            );
        }
    }
    assert_eq!(call(&world).await, ok());
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_and_a_changed_entry_is_found() {
    let world = world_with_install().await;
    publish(&world, "1.1.0", "answers_ok", |_| {}).await;
    act(&world, "upgrade", json!({ "version": "1.1.0" })).await;
    act(&world, "rollback", Value::Null).await;
    act(&world, "disable", Value::Null).await;
    withdraw(&world, "1.1.0", "yank").await;
    world
        .send_json(
            "DELETE",
            &format!("/v1/registry/tenants/acme/installs/{NAME}"),
            &Value::Null,
        )
        .await;
    let log = world.send_json("GET", "/v1/registry/audit", &Value::Null).await.json();
    let actions: Vec<_> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
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
    let verify = async || {
        world
            .send_json("GET", "/v1/registry/audit/verify", &Value::Null)
            .await
            .json()
    };
    assert_eq!(
        (verify().await["entries"].clone(), verify().await["broken_at"].clone()),
        (json!(8), Value::Null)
    );
    // A trigger refuses changes to the table; changes made after removing the trigger are detected
    // by the hash chain.
    let Some(url) = world.database_url() else { return };
    query(
        url,
        "ALTER TABLE extension_audit_log DISABLE TRIGGER ALL; UPDATE extension_audit_log SET actor = 'nobody' WHERE sequence = 4",
    );
    assert_eq!(verify().await["broken_at"], 4);
}
