//! Optional capabilities over the lifetime of an install: granted later, required later, declared
//! later.

use alga_harness::{Release, Reply, TestPlatform, component, tenant_id};
use alga_registry_types::{ConsentRequest, Install, Upgrade, UpgradeRequest};
use serde_json::json;
use std::collections::BTreeSet;

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
    let response = world.get(&format!("{NAME}/")).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.text().contains("cap:storage.kv is not granted")
}

async fn upgrade(world: &TestPlatform, version: &str) -> Reply<Upgrade> {
    let request = UpgradeRequest {
        version: version.parse().unwrap(),
        allow_downgrade: false,
    };
    let upgrade = alga_registry_types::upgrade(&tenant_id("acme"), NAME, &request);
    world.operate(&upgrade).await
}

async fn consent(world: &TestPlatform, version: &str) -> Reply<Install> {
    let request = ConsentRequest {
        version: version.parse().unwrap(),
    };
    let consent = alga_registry_types::consent(&tenant_id("acme"), NAME, &request);
    world.operate(&consent).await
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
    assert_eq!(
        staged.ok().diff.capabilities,
        BTreeSet::from(["cap:storage.kv".to_owned()])
    );
    assert!(is_denied(&world).await, "the old version goes on");
    assert!(consent(&world, "2.0.0").await.status.is_success());
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
    let consented = consent(&world, "2.0.0").await.ok();
    let has_storage = consented.grants.iter().any(|name| name.as_str() == "cap:storage.kv");
    assert_eq!(is_denied(&world).await, !has_storage);
}
