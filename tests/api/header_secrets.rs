//! Secrets that an extension can only attach to headers: a value that no header can carry is
//! refused when it is set, and when an upgrade would attach it.

use alga_harness::{Release, Reply, TestPlatform, component, tenant_id};
use alga_registry_types::{Install, InstallRequest, SecretRequest, UpgradeRequest, set_secret, upgrade};
use serde_json::json;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

async fn publish(world: &TestPlatform, name: &str, version: &str, capabilities: &[&str]) -> Release {
    let mut manifest = Release::manifest(name, version, capabilities);
    manifest["egress"] = json!(["api.example.com"]);
    manifest["secrets"] = json!([{ "name": "token", "hosts": ["api.example.com"] }]);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&release).await;
    release
}

async fn install(world: &TestPlatform, release: &Release, secret: &str) -> Reply<Install> {
    let request = InstallRequest {
        secrets: BTreeMap::from([("token".to_owned(), Zeroizing::new(secret.to_owned()))]),
        ..release.install_request(&["cap:secrets.get"])
    };
    let install = alga_registry_types::install(&tenant_id("acme"), &request);
    world.operate(&install).await
}

#[tokio::test]
async fn a_secret_that_no_header_can_carry_is_refused_where_only_headers_use_it() {
    let world = TestPlatform::new().await;
    let attaches = publish(&world, "com.example.attaches", "1.0.0", &["cap:secrets.get"]).await;
    let both = ["cap:secrets.get", "cap:secrets.reveal"];
    let reveals = publish(&world, "com.example.reveals", "1.0.0", &both).await;
    for secret in ["token\r\n", "token\n", "two\nlines", " token", "token\u{7f}", "a\u{0}b"] {
        let refused = install(&world, &attaches, secret).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "bad_request"),
            "{secret:?}"
        );
        assert!(
            refused.text().contains("no header can carry") && !refused.text().contains("two"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(install(&world, &attaches, "tökén with spaces").await.status, 201);
    // A key with several lines, for a version that reads it.
    assert_eq!(
        install(&world, &reveals, "-----BEGIN\nkey\n-----END\n").await.status,
        201
    );
}

#[tokio::test]
async fn a_secret_for_headers_has_at_most_8192_bytes() {
    let world = TestPlatform::new().await;
    let release = publish(&world, "com.example.attaches", "1.0.0", &["cap:secrets.get"]).await;
    let refused = install(&world, &release, &"x".repeat(8 * 1024 + 1)).await;
    refused.assert_refused(400, "bad_request", "at most 8192 (HEADER_SECRET_BYTES)");
    assert_eq!(install(&world, &release, &"x".repeat(8 * 1024)).await.status, 201);
}

#[tokio::test]
async fn an_upgrade_to_a_secret_that_no_header_can_carry_is_refused() {
    let world = TestPlatform::new().await;
    let name = "com.example.changes";
    let both = ["cap:secrets.get", "cap:secrets.reveal"];
    let first = publish(&world, name, "1.0.0", &both).await;
    publish(&world, name, "2.0.0", &["cap:secrets.get"]).await;
    assert_eq!(install(&world, &first, "two\nlines").await.status, 201);
    let acme = tenant_id("acme");
    let request = UpgradeRequest {
        version: "2.0.0".parse().unwrap(),
        allow_downgrade: false,
    };
    let upgrade = upgrade(&acme, name, &request);
    let refused = world.operate(&upgrade).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(
        refused.text().contains("no header can carry") && !refused.text().contains("lines\""),
        "{}",
        refused.text()
    );
    let one_line = SecretRequest {
        value: "one line".to_owned().into(),
    };
    let set = world.operate(&set_secret(&acme, name, "token", &one_line)).await;
    assert!(set.status.is_success(), "{}", set.text());
    let upgraded = world.operate(&upgrade).await;
    assert!(upgraded.status.is_success(), "{}", upgraded.text());
}
