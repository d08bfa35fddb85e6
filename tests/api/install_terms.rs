//! A tenant's settings for an install besides capabilities (hosts and limits), and how upgrades
//! preserve them.

use crate::installs::{CANARY, install, manifest, published, with_key};
use alga_harness::{Release, TestPlatform, component};
use serde_json::{Value, json};

#[tokio::test]
async fn a_tenant_may_narrow_hosts_and_limits_but_not_add_undeclared_ones() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let all = install(&world, "acme", "1.0.0", with_key()).await.json();
    assert_eq!(all["egress"], json!(["*.example.org:8443", "api.example.com"]));
    assert_eq!(all["limits"], json!({ "memoryMb": 32, "timeoutMs": 2000 }));
    let path = format!(
        "/v1/registry/tenants/acme/installs/{}/terms",
        all["id"].as_str().unwrap()
    );
    let set = world
        .send_json(
            "PUT",
            &path,
            &json!({ "egress": ["api.example.com"], "limits": { "timeoutMs": 100 } }),
        )
        .await;
    assert_eq!(set.json()["egress"], json!(["api.example.com"]), "{}", set.text());
    assert_eq!(set.json()["limits"], json!({ "memoryMb": 32, "timeoutMs": 100 }));
    let none = world.send_json("PUT", &path, &json!({ "egress": [] })).await;
    assert_eq!(none.json()["egress"], json!([]));
    for wrong in [
        json!({ "egress": ["evil.example.com"] }),
        json!({ "egress": ["*.example.com"] }),
        json!({ "egress": ["127.0.0.1"] }),
        json!({ "limits": { "timeoutMs": 0 } }),
        json!({ "limits": { "cpu": 1 } }),
        json!({ "config": { "x": "y" } }),
    ] {
        assert_eq!(
            world.send_json("PUT", &path, &wrong).await.code(),
            "bad_request",
            "{wrong}"
        );
    }
    let refused = install(
        &world,
        "other",
        "1.0.0",
        json!({ "secrets": { "api-key": "x" }, "egress": ["evil.example.com"] }),
    )
    .await;
    assert!(refused.text().contains("its hosts: "), "{}", refused.text());
}

#[tokio::test]
async fn the_timeout_set_by_the_tenant_is_enforced() {
    let world = TestPlatform::new().await;
    let release = Release::new(
        world.key(),
        &Release::manifest("com.example.slow", "1.0.0", &[]),
        &component("sleeps_for_an_hour"),
    );
    world.publish(&release).await;
    let body =
        json!({ "extension": release.name, "version": release.version, "grants": [], "limits": { "timeoutMs": 30 } });
    world
        .send_json("POST", "/v1/registry/tenants/acme/installs", &body)
        .await;
    let answer = world.call("acme", "GET", "com.example.slow/", "").await;
    assert_eq!(answer.code(), "deadline_exceeded", "{}", answer.text());
}

/// Hosts that the tenant removed stay removed; new hosts were consented to.
#[tokio::test]
async fn consent_to_an_upgrade_adds_new_hosts_but_none_the_tenant_removed() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let mut next = manifest("1.1.0");
    next["egress"] = json!(["api.example.com", "*.example.org:8443", "new.example.net"]);
    published(&world, &next).await;
    let mut more = with_key();
    more["egress"] = json!(["api.example.com"]);
    let id = install(&world, "acme", "1.0.0", more).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/registry/tenants/acme/installs/{id}");
    let upgrade = world
        .send_json("POST", &format!("{path}/upgrade"), &json!({ "version": "1.1.0" }))
        .await;
    assert_eq!(
        (upgrade.status.as_u16(), &upgrade.json()["diff"]["egress"]),
        (202, &json!(["new.example.net"]))
    );
    let upgraded = world
        .send_json("POST", &format!("{path}/consent"), &json!({ "version": "1.1.0" }))
        .await
        .json();
    assert_eq!(upgraded["egress"], json!(["api.example.com", "new.example.net"]));
    let back = world
        .send_json("POST", &format!("{path}/rollback"), &Value::Null)
        .await
        .json();
    assert_eq!(back["egress"], json!(["api.example.com"]));
}

#[tokio::test]
async fn an_upgrade_that_needs_a_secret_which_is_not_set_waits_for_it() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let mut next = manifest("1.1.0");
    next["secrets"][1]["required"] = json!(true);
    published(&world, &next).await;
    let id = install(&world, "acme", "1.0.0", with_key()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/registry/tenants/acme/installs/{id}");
    let refused = world
        .send_json("POST", &format!("{path}/upgrade"), &json!({ "version": "1.1.0" }))
        .await;
    assert!(
        refused.status == 400 && refused.text().contains("`spare`"),
        "{}",
        refused.text()
    );
    world
        .send_json("PUT", &format!("{path}/secrets/spare"), &json!({ "value": "s" }))
        .await;
    assert_eq!(
        world
            .send_json("POST", &format!("{path}/upgrade"), &json!({ "version": "1.1.0" }))
            .await
            .status,
        200
    );
}

/// A change based on a stale read of an install does not overwrite settings made since.
#[tokio::test]
async fn an_upgrade_based_on_a_stale_read_does_not_undo_new_settings() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    published(&world, &manifest("1.0.1")).await;
    let id = install(&world, "acme", "1.0.0", with_key()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let database = world.platform().database();
    let (tenant, name) = ("acme".parse().unwrap(), "com.example.terms");
    let stale = database.find_install(&tenant, name).await.unwrap().unwrap();
    let path = format!("/v1/registry/tenants/acme/installs/{id}/terms");
    assert_eq!(
        world.send_json("PUT", &path, &json!({ "egress": [] })).await.status,
        200
    );
    let to = database.version(name, "1.0.1").await.unwrap().unwrap();
    let changed = |result: Result<(), alga_store::StoreError>| matches!(result, Err(alga_store::StoreError::Changed));
    assert!(changed(database.apply_upgrade(&stale, &to, &stale.grants, None).await));
    assert!(changed(database.stage_upgrade(&stale, &to).await));
    assert!(changed(
        database
            .update_settings(&stale, &alga_store::InstallSettings::default())
            .await
    ));
    let now = database.find_install(&tenant, name).await.unwrap().unwrap();
    assert!(now.egress.is_empty() && now.version_id == stale.version_id);
}

#[tokio::test]
async fn a_rollback_restores_no_removed_host_and_requires_the_old_secrets() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let mut next = manifest("1.1.0");
    next["secrets"] = json!([]);
    published(&world, &next).await;
    let id = install(&world, "acme", "1.0.0", with_key()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/registry/tenants/acme/installs/{id}");
    assert_eq!(
        world
            .send_json("POST", &format!("{path}/upgrade"), &json!({ "version": "1.1.0" }))
            .await
            .status,
        200
    );
    world
        .send_json(
            "PUT",
            &format!("{path}/terms"),
            &json!({ "egress": ["api.example.com"] }),
        )
        .await;
    assert_eq!(
        world
            .send_json("DELETE", &format!("{path}/secrets/api-key"), &Value::Null)
            .await
            .status,
        204
    );
    let refused = world.send_json("POST", &format!("{path}/rollback"), &Value::Null).await;
    assert!(
        refused.text().contains("needs the secret `api-key`"),
        "{}",
        refused.text()
    );
    let again = json!({ "secrets": { "api-key": "k" }, "allow_downgrade": true });
    let back = install(&world, "acme", "1.0.0", again).await;
    assert_eq!(back.status, 201, "{}", back.text());
    let rolled = world
        .send_json("POST", &format!("{path}/upgrade"), &json!({ "version": "1.1.0" }))
        .await;
    assert_eq!(rolled.status, 200, "{}", rolled.text());
    world
        .send_json(
            "PUT",
            &format!("{path}/terms"),
            &json!({ "egress": ["api.example.com"] }),
        )
        .await;
    let back = world
        .send_json("POST", &format!("{path}/rollback"), &Value::Null)
        .await
        .json();
    assert_eq!(back["egress"], json!(["api.example.com"]));
}

#[tokio::test]
async fn reinstalling_leaves_an_install_disabled_and_refuses_downgrades() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    published(&world, &manifest("1.1.0")).await;
    let id = install(&world, "acme", "1.1.0", with_key()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world
        .send_json(
            "POST",
            &format!("/v1/registry/tenants/acme/installs/{id}/disable"),
            &Value::Null,
        )
        .await;
    let again = install(&world, "acme", "1.1.0", json!({})).await;
    assert_eq!(again.json()["status"], "disabled");
    let older = install(&world, "acme", "1.0.0", json!({})).await;
    assert!(
        older.status == 400 && older.text().contains("--allow-downgrade"),
        "{}",
        older.text()
    );
    assert_eq!(
        install(&world, "acme", "1.0.0", json!({ "allow_downgrade": true }))
            .await
            .status,
        201
    );
}

/// Every change by an administrator is in the audit log, and no secret is.
#[tokio::test]
async fn secrets_terms_and_revocations_are_in_the_audit_log() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let id = install(&world, "acme", "1.0.0", with_key()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/registry/tenants/acme/installs/{id}");
    world
        .send_json("PUT", &format!("{path}/secrets/spare"), &json!({ "value": CANARY }))
        .await;
    world
        .send_json("DELETE", &format!("{path}/secrets/spare"), &Value::Null)
        .await;
    world
        .send_json("PUT", &format!("{path}/terms"), &json!({ "egress": [] }))
        .await;
    let log = world.send_json("GET", "/v1/registry/audit", &Value::Null).await;
    let actions: Vec<_> = log.json()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        actions,
        [
            "version.publish",
            "install.install",
            "install.secret.set",
            "install.secret.delete",
            "install.terms"
        ]
    );
    assert!(!log.text().contains(CANARY));
}
