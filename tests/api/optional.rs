//! Optional capabilities over the lifetime of an install: granted later, required later, declared
//! later.

use alga_harness::{Answer, Release, TestPlatform, component};
use serde_json::{Value, json};

const NAME: &str = "com.example.log-works";

/// Publishes a version of a guest that uses storage, with the capability under this key of the
/// manifest.
async fn publish(world: &TestPlatform, version: &str, key: &str) -> Release {
    let mut manifest = Release::manifest(NAME, version, &[]);
    manifest[key] = json!(["cap:storage.kv"]);
    let release = Release::new(world.key(), &manifest, &component("storage_works"));
    world.publish(&release).await;
    release
}

async fn is_denied(world: &TestPlatform) -> bool {
    let answer = world.call("acme", "GET", &format!("{NAME}/"), "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().contains("cap:storage.kv is not granted")
}

async fn upgrade(world: &TestPlatform, version: &str) -> Answer {
    let path = format!("/v1/registry/tenants/acme/installs/{NAME}/upgrade");
    world.send_json("POST", &path, &json!({ "version": version })).await
}

#[tokio::test]
async fn reinstalling_changes_the_grant_of_an_optional_capability() {
    let world = TestPlatform::new().await;
    let release = publish(&world, "1.0.0", "optionalCapabilities").await;
    assert!(world.install("acme", &release, &[]).await.status.is_success());
    assert!(is_denied(&world).await);
    assert!(
        world
            .install("acme", &release, &["cap:storage.kv"])
            .await
            .status
            .is_success()
    );
    assert!(!is_denied(&world).await);
    assert!(world.install("acme", &release, &[]).await.status.is_success());
    assert!(is_denied(&world).await);
}

#[tokio::test]
async fn a_capability_that_becomes_required_needs_consent_unless_granted() {
    let world = TestPlatform::new().await;
    let first = publish(&world, "1.0.0", "optionalCapabilities").await;
    publish(&world, "2.0.0", "capabilities").await;
    assert!(world.install("acme", &first, &[]).await.status.is_success());
    let staged = upgrade(&world, "2.0.0").await;
    assert_eq!(staged.status, 202, "{}", staged.text());
    assert_eq!(staged.json()["diff"]["capabilities"], json!(["cap:storage.kv"]));
    assert!(is_denied(&world).await, "the old version goes on");
    let consent = format!("/v1/registry/tenants/acme/installs/{NAME}/consent");
    let body = json!({ "version": "2.0.0" });
    assert!(world.send_json("POST", &consent, &body).await.status.is_success());
    assert!(!is_denied(&world).await);
    // Where it was granted, nothing is new.
    let granted = TestPlatform::new().await;
    let first = publish(&granted, "1.0.0", "optionalCapabilities").await;
    publish(&granted, "2.0.0", "capabilities").await;
    assert!(
        granted
            .install("acme", &first, &["cap:storage.kv"])
            .await
            .status
            .is_success()
    );
    assert_eq!(upgrade(&granted, "2.0.0").await.status, 200);
    assert!(!is_denied(&granted).await);
}

#[tokio::test]
async fn a_new_optional_capability_needs_consent_which_does_not_grant_it() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest(NAME, "1.0.0", &[]);
    manifest["description"] = json!("without storage");
    let first = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&first).await;
    publish(&world, "2.0.0", "optionalCapabilities").await;
    assert!(world.install("acme", &first, &[]).await.status.is_success());
    assert_eq!(upgrade(&world, "2.0.0").await.status, 202);
    let consent = format!("/v1/registry/tenants/acme/installs/{NAME}/consent");
    let consented = world.send_json("POST", &consent, &json!({ "version": "2.0.0" })).await;
    assert!(consented.status.is_success(), "{}", consented.text());
    let grants = consented.json()["grants"].clone();
    let has_storage = grants.as_array().unwrap().contains(&Value::from("cap:storage.kv"));
    assert_eq!(is_denied(&world).await, !has_storage);
}
