//! Secrets of installs: no route returns them.

use alga_harness::{Release, Reply, TestPlatform, Vault, component, query, tenant_id};
use alga_registry_types::{
    Install, InstallRequest, Page, SecretRequest, audit_after, delete_secret, installs, set_secret, show_install,
    show_version, uninstall,
};
use alga_secrets::{SealError, Sealer, SecretBinding, SecretEnvelope, VaultTransit};
use serde_json::{Value, json};
use std::collections::BTreeSet;
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

pub(crate) async fn install(world: &TestPlatform, tenant: &str, request: &InstallRequest) -> Reply<Install> {
    let install = alga_registry_types::install(&tenant_id(tenant), request);
    world.operate(&install).await
}

pub(crate) fn request(version: &str) -> InstallRequest {
    InstallRequest {
        extension: "com.example.terms".to_owned(),
        version: version.to_owned(),
        ..InstallRequest::default()
    }
}

pub(crate) fn with_secrets(version: &str, secrets: &[(&str, &str)]) -> InstallRequest {
    let secrets = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned())));
    InstallRequest {
        secrets: secrets.collect(),
        ..request(version)
    }
}

pub(crate) fn with_key(version: &str) -> InstallRequest {
    with_secrets(version, &[("api-key", CANARY)])
}

pub(crate) fn secret(value: &str) -> SecretRequest {
    SecretRequest {
        value: value.to_owned().into(),
    }
}

async fn listed(world: &TestPlatform) -> Vec<Install> {
    let list = installs(&tenant_id("acme"), &Page::default());
    world.operate(&list).await.ok().installs
}

async fn envelope(world: &TestPlatform, install: &Install) -> String {
    let database = world.platform().database();
    let stored = database.secret(&tenant_id("acme"), &install.id, "api-key").await;
    stored.unwrap().unwrap()
}

#[tokio::test]
async fn a_secret_is_sealed_at_rest_and_is_never_shown_again() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let reply = install(&world, "acme", &with_key("1.0.0")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let install = reply.ok();
    assert_eq!(install.secrets, BTreeSet::from(["api-key".to_owned()]));
    let (acme, id) = (tenant_id("acme"), install.id.as_str());
    let set = world.operate(&set_secret(&acme, id, "spare", &secret(CANARY))).await;
    assert_eq!(set.status, 204, "{}", set.text());
    let output = [
        reply.text(),
        set.text(),
        world.operate(&show_install(&acme, id)).await.text(),
        world.operate(&audit_after(0)).await.text(),
        world.operate(&installs(&acme, &Page::default())).await.text(),
        world.operate(&show_version("com.example.terms", "1.0.0")).await.text(),
    ];
    assert!(output.iter().all(|text| !text.contains(CANARY)));
    let path = format!("/v1/registry/tenants/acme/installs/{id}/secrets/spare");
    assert_eq!(world.send_json("GET", &path, &Value::Null).await.status, 405);
    let stored = envelope(&world, &install).await;
    assert!(stored.contains("xchacha20-poly1305") && !stored.contains(CANARY));
    if world.database_url().is_none() {
        let directory = world.directory().to_path_buf();
        let _stopped = world.stop().await;
        for entry in std::fs::read_dir(directory)
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
    let refused = install(&world, "acme", &request("1.0.0")).await;
    assert!(
        refused.status == 400 && refused.text().contains("--secret api-key=@"),
        "{}",
        refused.text()
    );
    let undeclared = with_secrets("1.0.0", &[("api-key", "x"), ("other", "y")]);
    let refused = install(&world, "acme", &undeclared).await;
    assert!(
        refused.status == 400 && refused.text().contains("its secrets: api-key, spare"),
        "{}",
        refused.text()
    );
    assert!(listed(&world).await.is_empty(), "nothing half");
    let first = install(&world, "acme", &with_key("1.0.0")).await.ok();
    let (acme, id) = (tenant_id("acme"), first.id.as_str());
    for value in ["", &"x".repeat(64 * 1024 + 1)] {
        let refused = world.operate(&set_secret(&acme, id, "spare", &secret(value))).await;
        assert_eq!(refused.code(), "bad_request", "{} bytes", value.len());
    }
    let undeclared = set_secret(&acme, id, "other", &secret("x"));
    assert_eq!(world.operate(&undeclared).await.code(), "bad_request");
    let required = delete_secret(&acme, id, "api-key");
    assert_eq!(world.operate(&required).await.code(), "conflict");
    let unset = delete_secret(&acme, id, "spare");
    assert_eq!(world.operate(&unset).await.code(), "not_found");
    let again = install(&world, "acme", &request("1.0.0")).await.ok();
    assert_eq!(
        again.secrets,
        BTreeSet::from(["api-key".to_owned()]),
        "a secret that is set stays"
    );
    assert_eq!(world.operate(&uninstall(&acme, id)).await.status, 204);
    assert_eq!(
        install(&world, "acme", &request("1.0.0")).await.status,
        400,
        "it went with the install"
    );
}

/// Starts a platform whose secrets are sealed by a vault.
async fn with_vault() -> (Vault, TestPlatform) {
    let vault = Vault::start().await;
    let token = vault.token_file().display().to_string();
    let world = TestPlatform::with_settings(&[("vault_address", vault.address()), ("vault_token_file", &token)]).await;
    (vault, world)
}

/// An envelope does not open under another tenant, install, extension or name (S4).
#[tokio::test]
async fn an_envelope_that_is_moved_to_another_install_does_not_open() {
    let (vault, world) = with_vault().await;
    published(&world, &manifest("1.0.0")).await;
    let install = install(&world, "acme", &with_key("1.0.0")).await.ok();
    let stored = SecretEnvelope::parse(&envelope(&world, &install).await).unwrap();
    assert!(stored.ciphertext.starts_with("vault:v1:"));
    let sealer = |key: &str| {
        Sealer::Vault(
            VaultTransit::new(vault.address(), "transit", key, Zeroizing::new("s.test-token".into())).unwrap(),
        )
    };
    let whose = ["acme", install.extension_id.as_str(), install.id.as_str(), "api-key"];
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
    let (vault, world) = with_vault().await;
    published(&world, &manifest("1.0.0")).await;
    vault.stop();
    let refused = install(&world, "acme", &with_key("1.0.0")).await;
    refused.assert_error(503, "secrets_unavailable");
    assert!(
        !refused.text().contains(CANARY) && !refused.text().contains("127.0.0.1"),
        "{}",
        refused.text()
    );
    assert!(listed(&world).await.is_empty());
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
            tokio::spawn(async move { install(&world, "acme", &with_key("1.0.0")).await.status.as_u16() })
        })
        .collect();
    for task in tasks {
        let status = task.await.unwrap();
        assert!(status == 201 || status == 409, "{status}");
    }
    let installs = listed(&world).await;
    let install = &installs[0];
    let stored = SecretEnvelope::parse(&envelope(&world, install).await).unwrap();
    let tenant = tenant_id("acme");
    let binding = SecretBinding {
        tenant: &tenant,
        extension: &install.extension_id,
        install: &install.id,
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
    assert_eq!(install(&world, "acme", &with_key("1.0.0")).await.status, 201);
    let Some(url) = world.database_url() else { return };
    assert_eq!(
        query(url, "SELECT count(*) FROM tenant_extension_install_secrets").trim(),
        "0"
    );
}
