//! Secrets that an extension can only attach to headers: a value that no header can carry is
//! refused when it is set, and when an upgrade would attach it.

use alga_harness::{Answer, Release, TestPlatform, component};
use serde_json::{Value, json};

const INSTALLS: &str = "/v1/registry/tenants/acme/installs";

async fn publish(world: &TestPlatform, name: &str, version: &str, capabilities: &[&str], hosts: Value) {
    let mut manifest = Release::manifest(name, version, capabilities);
    manifest["egress"] = json!(["api.example.com"]);
    manifest["secrets"] = json!([{ "name": "token", "hosts": hosts }]);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&release).await;
}

async fn install(world: &TestPlatform, name: &str, secret: &str) -> Answer {
    let grants = json!(["cap:secrets.get"]);
    let body = json!({ "extension": name, "version": "1.0.0", "grants": grants, "secrets": { "token": secret } });
    world.send_json("POST", INSTALLS, &body).await
}

#[tokio::test]
async fn a_secret_that_no_header_can_carry_is_refused_where_only_headers_use_it() {
    let world = TestPlatform::new().await;
    let hosts = json!(["api.example.com"]);
    publish(
        &world,
        "com.example.attaches",
        "1.0.0",
        &["cap:secrets.get"],
        hosts.clone(),
    )
    .await;
    let both = ["cap:secrets.get", "cap:secrets.reveal"];
    publish(&world, "com.example.reveals", "1.0.0", &both, hosts).await;
    for secret in ["token\r\n", "token\n", "two\nlines", " token", "token\u{7f}", "a\u{0}b"] {
        let refused = install(&world, "com.example.attaches", secret).await;
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
    assert_eq!(
        install(&world, "com.example.attaches", "tökén with spaces")
            .await
            .status,
        201
    );
    // A key with several lines, for a version that reads it.
    assert_eq!(
        install(&world, "com.example.reveals", "-----BEGIN\nkey\n-----END\n")
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_secret_for_headers_has_at_most_8192_bytes() {
    let world = TestPlatform::new().await;
    let name = "com.example.attaches";
    publish(&world, name, "1.0.0", &["cap:secrets.get"], json!(["api.example.com"])).await;
    let refused = install(&world, name, &"x".repeat(8 * 1024 + 1)).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "bad_request"));
    assert!(
        refused.text().contains("at most 8192 (HEADER_SECRET_BYTES)"),
        "{}",
        refused.text()
    );
    assert_eq!(install(&world, name, &"x".repeat(8 * 1024)).await.status, 201);
}

#[tokio::test]
async fn an_upgrade_to_a_secret_that_no_header_can_carry_is_refused() {
    let world = TestPlatform::new().await;
    let name = "com.example.changes";
    let both = ["cap:secrets.get", "cap:secrets.reveal"];
    publish(&world, name, "1.0.0", &both, json!(["api.example.com"])).await;
    publish(&world, name, "2.0.0", &["cap:secrets.get"], json!(["api.example.com"])).await;
    assert_eq!(install(&world, name, "two\nlines").await.status, 201);
    let upgrade = async || {
        let path = format!("{INSTALLS}/{name}/upgrade");
        world.send_json("POST", &path, &json!({ "version": "2.0.0" })).await
    };
    let refused = upgrade().await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(
        refused.text().contains("no header can carry") && !refused.text().contains("lines\""),
        "{}",
        refused.text()
    );
    let path = format!("{INSTALLS}/{name}/secrets/token");
    let set = world.send_json("PUT", &path, &json!({ "value": "one line" })).await;
    assert!(set.status.is_success(), "{}", set.text());
    let upgraded = upgrade().await;
    assert!(upgraded.status.is_success(), "{}", upgraded.text());
}
