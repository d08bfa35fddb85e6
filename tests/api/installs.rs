//! Secrets of installs: no route returns them.

use alga_harness::{Answer, Release, TestPlatform, Vault, component, query};
use alga_secrets::{SealError, Sealer, SecretBinding, SecretEnvelope, VaultTransit};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) const CANARY: &str = "canary-7d1f0c39a86e4b52";

pub(crate) fn manifest(version: &str) -> Value {
    let mut manifest = Release::manifest("com.example.terms", version, &[]);
    manifest["egress"] = json!(["api.example.com", "*.example.org:8443"]);
    manifest["secrets"] = json!([
        { "name": "api-key", "hosts": ["api.example.com"], "required": true },
        { "name": "spare", "hosts": ["api.example.com"] },
    ]);
    manifest["limits"] = json!({ "memoryMb": 32, "timeoutMs": 2000 });
    manifest
}

pub(crate) async fn published(world: &TestPlatform, manifest: &Value) -> Release {
    let release = Release::new(world.key(), manifest, &component("answers_ok"));
    world.publish(&release).await;
    release
}

pub(crate) async fn install(world: &TestPlatform, tenant: &str, version: &str, more: Value) -> Answer {
    let mut body = json!({ "extension": "com.example.terms", "version": version, "grants": [] });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world
        .send_json("POST", &format!("/v1/registry/tenants/{tenant}/installs"), &body)
        .await
}

pub(crate) fn with_key() -> Value {
    json!({ "secrets": { "api-key": CANARY } })
}

async fn envelope(world: &TestPlatform, install: &Value) -> String {
    let id = install["id"].as_str().unwrap().parse().unwrap();
    let stored = world
        .platform()
        .database()
        .secret(&"acme".parse().unwrap(), &id, "api-key")
        .await;
    stored.unwrap().unwrap()
}

#[tokio::test]
async fn a_secret_is_sealed_at_rest_and_is_never_shown_again() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let answer = install(&world, "acme", "1.0.0", with_key()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let install = answer.json();
    assert_eq!(install["secrets"], json!(["api-key"]));
    let path = format!("/v1/registry/tenants/acme/installs/{}", install["id"].as_str().unwrap());
    let set = world
        .send_json("PUT", &format!("{path}/secrets/spare"), &json!({ "value": CANARY }))
        .await;
    assert_eq!(set.status, 204, "{}", set.text());
    let mut told = vec![answer.text(), set.text()];
    for route in [
        &path,
        "/v1/registry/audit",
        "/v1/registry/tenants/acme/installs",
        "/v1/registry/extensions/com.example.terms/versions/1.0.0",
    ] {
        told.push(world.send_json("GET", route, &Value::Null).await.text());
    }
    assert!(told.iter().all(|text| !text.contains(CANARY)));
    assert_eq!(
        world
            .send_json("GET", &format!("{path}/secrets/spare"), &Value::Null)
            .await
            .status,
        405
    );
    let stored = envelope(&world, &install).await;
    assert!(stored.contains("xchacha20-poly1305") && !stored.contains(CANARY));
    if world.database_url().is_none() {
        let folder = world.directory().to_path_buf();
        let _stopped = world.stop().await;
        for entry in std::fs::read_dir(folder)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_file())
        {
            let bytes = std::fs::read(entry.path()).unwrap();
            let is_there = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!is_there, "{:?}", entry.file_name());
        }
    }
}

#[tokio::test]
async fn secrets_must_be_declared_and_complete_and_are_deleted_with_the_install() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let refused = install(&world, "acme", "1.0.0", json!({})).await;
    assert!(
        refused.status == 400 && refused.text().contains("--secret api-key=@"),
        "{}",
        refused.text()
    );
    let refused = install(
        &world,
        "acme",
        "1.0.0",
        json!({ "secrets": { "api-key": "x", "other": "y" } }),
    )
    .await;
    assert!(
        refused.status == 400 && refused.text().contains("its secrets: api-key, spare"),
        "{}",
        refused.text()
    );
    assert_eq!(
        world
            .send_json("GET", "/v1/registry/tenants/acme/installs", &Value::Null)
            .await
            .json()["installs"],
        json!([]),
        "nothing half"
    );
    let first = install(&world, "acme", "1.0.0", with_key()).await.json();
    let path = format!("/v1/registry/tenants/acme/installs/{}", first["id"].as_str().unwrap());
    for (value, code) in [
        (String::new(), "bad_request"),
        ("x".repeat(64 * 1024 + 1), "bad_request"),
    ] {
        assert_eq!(
            world
                .send_json("PUT", &format!("{path}/secrets/spare"), &json!({ "value": value }))
                .await
                .code(),
            code
        );
    }
    assert_eq!(
        world
            .send_json("PUT", &format!("{path}/secrets/other"), &json!({ "value": "x" }))
            .await
            .code(),
        "bad_request"
    );
    assert_eq!(
        world
            .send_json("DELETE", &format!("{path}/secrets/api-key"), &Value::Null)
            .await
            .code(),
        "conflict"
    );
    assert_eq!(
        world
            .send_json("DELETE", &format!("{path}/secrets/spare"), &Value::Null)
            .await
            .code(),
        "not_found"
    );
    let again = install(&world, "acme", "1.0.0", json!({})).await;
    assert_eq!(
        again.json()["secrets"],
        json!(["api-key"]),
        "a secret that is set stays"
    );
    assert_eq!(world.send_json("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(
        install(&world, "acme", "1.0.0", json!({})).await.status,
        400,
        "it went with the install"
    );
}

/// An envelope does not open under another tenant, install, extension or name (S4).
#[tokio::test]
async fn an_envelope_that_is_moved_to_another_install_does_not_open() {
    let vault = Vault::start().await;
    let token = vault.token_file().display().to_string();
    let world = TestPlatform::with_settings(&[("vault_address", vault.address()), ("vault_token_file", &token)]).await;
    published(&world, &manifest("1.0.0")).await;
    let install = install(&world, "acme", "1.0.0", with_key()).await.json();
    let stored = SecretEnvelope::parse(&envelope(&world, &install).await).unwrap();
    assert!(stored.ciphertext.starts_with("vault:v1:"));
    let sealer = |key: &str| {
        Sealer::Vault(
            VaultTransit::new(vault.address(), "transit", key, Zeroizing::new("s.test-token".into())).unwrap(),
        )
    };
    let whose = [
        "acme",
        install["extension_id"].as_str().unwrap(),
        install["id"].as_str().unwrap(),
        "api-key",
    ];
    let open = async |sealer: &Sealer, whose: [&str; 4]| {
        let (tenant, extension, install) = (
            whose[0].parse().unwrap(),
            whose[1].parse().unwrap(),
            whose[2].parse().unwrap(),
        );
        let binding = SecretBinding {
            tenant: &tenant,
            extension: &extension,
            install: &install,
            name: whose[3],
        };
        sealer
            .open(&stored, &binding)
            .await
            .map(|secret| secret.expose().to_vec())
    };
    assert_eq!(open(&sealer("alga"), whose).await.unwrap(), CANARY.as_bytes());
    for place in 0..4 {
        let mut moved = whose;
        moved[place] = "other";
        assert!(
            matches!(open(&sealer("alga"), moved).await, Err(SealError::Forged)),
            "{place}"
        );
    }
    assert!(matches!(open(&sealer("other"), whose).await, Err(SealError::Key(_))));
    assert!(VaultTransit::new(vault.address(), "../sys", "alga", Zeroizing::new(String::new())).is_err());
}

#[tokio::test]
async fn setting_secrets_fails_if_the_secrets_service_is_down_or_refuses() {
    let vault = Vault::start().await;
    let token = vault.token_file().display().to_string();
    let world = TestPlatform::with_settings(&[("vault_address", vault.address()), ("vault_token_file", &token)]).await;
    published(&world, &manifest("1.0.0")).await;
    vault.stop();
    let refused = install(&world, "acme", "1.0.0", with_key()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (503, "secrets_unavailable")
    );
    assert!(
        !refused.text().contains(CANARY) && !refused.text().contains("127.0.0.1"),
        "{}",
        refused.text()
    );
    assert_eq!(
        world
            .send_json("GET", "/v1/registry/tenants/acme/installs", &Value::Null)
            .await
            .json()["installs"],
        json!([])
    );
}

/// Two concurrent first installs of one extension: one succeeds completely, the other is refused
/// with a conflict and must be retried.
#[tokio::test]
async fn concurrent_first_installs_leave_one_install_whose_secret_opens() {
    let world = std::sync::Arc::new(TestPlatform::new().await);
    published(&world, &manifest("1.0.0")).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move { install(&world, "acme", "1.0.0", with_key()).await.status.as_u16() })
        })
        .collect();
    for task in tasks {
        let status = task.await.unwrap();
        assert!(status == 201 || status == 409, "{status}");
    }
    let installs = world
        .send_json("GET", "/v1/registry/tenants/acme/installs", &Value::Null)
        .await
        .json();
    let install = &installs["installs"][0];
    let stored = SecretEnvelope::parse(&envelope(&world, install).await).unwrap();
    let (tenant, extension, id) = (
        "acme".parse().unwrap(),
        install["extension_id"].as_str().unwrap().parse().unwrap(),
        install["id"].as_str().unwrap().parse().unwrap(),
    );
    let binding = SecretBinding {
        tenant: &tenant,
        extension: &extension,
        install: &id,
        name: "api-key",
    };
    let keys = std::fs::read_to_string(world.directory().join("secrets.key")).unwrap();
    let sealer = Sealer::Local(alga_secrets::LocalKeys::from_text(&keys).unwrap());
    assert_eq!(
        sealer.open(&stored, &binding).await.unwrap().expose(),
        CANARY.as_bytes()
    );
}

#[tokio::test]
async fn without_its_tenant_no_statement_finds_a_secret_on_postgres() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    assert_eq!(install(&world, "acme", "1.0.0", with_key()).await.status, 201);
    let Some(url) = world.database_url() else { return };
    assert_eq!(
        query(url, "SELECT count(*) FROM tenant_extension_install_secrets").trim(),
        "0"
    );
}
