//! A tenant's settings for an install besides capabilities (hosts and limits), and how upgrades
//! preserve them.

use crate::installs::{CANARY, install, manifest, published, request, secret, with_key, with_secrets};
use alga_bundle::{EgressPattern, InstallStatus, ManifestLimits};
use alga_harness::{TestPlatform, tenant_id};
use alga_registry_types::{
    ConsentRequest, InstallRequest, TermsRequest, UpgradeRequest, audit_after, consent, delete_secret, disable,
    roll_back, set_secret, set_terms, upgrade,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn hosts(hosts: &[&str]) -> BTreeSet<EgressPattern> {
    hosts.iter().map(|host| host.parse().unwrap()).collect()
}

fn only(allowed: &[&str]) -> TermsRequest {
    TermsRequest {
        egress: Some(hosts(allowed)),
        ..TermsRequest::default()
    }
}

fn timeout(timeout_ms: u32) -> ManifestLimits {
    ManifestLimits {
        memory_mb: None,
        timeout_ms: Some(timeout_ms),
    }
}

fn to(version: &str) -> UpgradeRequest {
    UpgradeRequest {
        version: version.parse().unwrap(),
        allow_downgrade: false,
    }
}

/// Installs for tenant `acme` and returns the id of the install.
async fn installed(world: &TestPlatform, request: &InstallRequest) -> String {
    install(world, "acme", request).await.ok().id.to_string()
}

#[tokio::test]
async fn a_tenant_may_narrow_hosts_and_limits_but_not_add_undeclared_ones() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let all = install(&world, "acme", &with_key("1.0.0")).await.ok();
    let limits = |timeout_ms| ManifestLimits {
        memory_mb: Some(32),
        ..timeout(timeout_ms)
    };
    assert_eq!(all.egress, hosts(&["*.example.org:8443", "api.example.com"]));
    assert_eq!(all.limits, limits(2000));
    let (acme, id) = (tenant_id("acme"), all.id.as_str());
    let narrow = TermsRequest {
        limits: Some(timeout(100)),
        ..only(&["api.example.com"])
    };
    let set = world.operate(&set_terms(&acme, id, &narrow)).await.ok();
    assert_eq!(set.egress, hosts(&["api.example.com"]));
    assert_eq!(set.limits, limits(100));
    let none = world.operate(&set_terms(&acme, id, &only(&[]))).await.ok();
    assert_eq!(none.egress, hosts(&[]));
    let no_time = TermsRequest {
        limits: Some(timeout(0)),
        ..TermsRequest::default()
    };
    let undeclared_key = TermsRequest {
        config: BTreeMap::from([("x".to_owned(), "y".to_owned())]),
        ..TermsRequest::default()
    };
    for wrong in [
        only(&["evil.example.com"]),
        only(&["*.example.com"]),
        no_time,
        undeclared_key,
    ] {
        let refused = world.operate(&set_terms(&acme, id, &wrong)).await;
        assert_eq!(refused.code(), "bad_request", "{wrong:?}");
    }
    let path = format!("/v1/registry/tenants/acme/installs/{id}/terms");
    for wrong in [json!({ "egress": ["127.0.0.1"] }), json!({ "limits": { "cpu": 1 } })] {
        let refused = world.send_json("PUT", &path, &wrong).await;
        assert_eq!(refused.code(), "bad_request", "{wrong}");
    }
    let undeclared_host = InstallRequest {
        egress: Some(hosts(&["evil.example.com"])),
        ..with_secrets("1.0.0", &[("api-key", "x")])
    };
    let refused = install(&world, "other", &undeclared_host).await;
    assert!(refused.text().contains("its hosts: "), "{}", refused.text());
}

#[tokio::test]
async fn the_timeout_set_by_the_tenant_is_enforced() {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.slow", "1.0.0", "sleeps_for_an_hour");
    world.publish(&release).await;
    let request = InstallRequest {
        limits: Some(timeout(30)),
        ..release.install_request(&[])
    };
    installed(&world, &request).await;
    let response = world.get("com.example.slow/").await;
    assert_eq!(response.code(), "deadline_exceeded", "{}", response.text());
}

/// Hosts that the tenant removed stay removed; new hosts were consented to.
#[tokio::test]
async fn consent_to_an_upgrade_adds_new_hosts_but_none_the_tenant_removed() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let mut next = manifest("1.1.0");
    next["egress"] = json!(["api.example.com", "*.example.org:8443", "new.example.net"]);
    published(&world, &next).await;
    let narrow = InstallRequest {
        egress: Some(hosts(&["api.example.com"])),
        ..with_key("1.0.0")
    };
    let (acme, id) = (tenant_id("acme"), installed(&world, &narrow).await);
    let staged = world.operate(&upgrade(&acme, &id, &to("1.1.0"))).await;
    assert_eq!(
        (staged.status.as_u16(), staged.ok().diff.egress),
        (202, hosts(&["new.example.net"]))
    );
    let request = ConsentRequest {
        version: "1.1.0".parse().unwrap(),
    };
    let upgraded = world.operate(&consent(&acme, &id, &request)).await.ok();
    assert_eq!(upgraded.egress, hosts(&["api.example.com", "new.example.net"]));
    let back = world.operate(&roll_back(&acme, &id)).await.ok();
    assert_eq!(back.egress, hosts(&["api.example.com"]));
}

#[tokio::test]
async fn an_upgrade_that_needs_a_secret_which_is_not_set_waits_for_it() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let mut next = manifest("1.1.0");
    next["secrets"][1]["required"] = json!(true);
    published(&world, &next).await;
    let (acme, id) = (tenant_id("acme"), installed(&world, &with_key("1.0.0")).await);
    let upgrade = upgrade(&acme, &id, &to("1.1.0"));
    let refused = world.operate(&upgrade).await;
    assert!(
        refused.status == 400 && refused.text().contains("`spare`"),
        "{}",
        refused.text()
    );
    let set = world.operate(&set_secret(&acme, &id, "spare", &secret("s"))).await;
    assert_eq!(set.status, 204, "{}", set.text());
    assert_eq!(world.operate(&upgrade).await.status, 200);
}

/// A change based on a stale read of an install does not overwrite settings made since.
#[tokio::test]
async fn an_upgrade_based_on_a_stale_read_does_not_undo_new_settings() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    published(&world, &manifest("1.0.1")).await;
    let (acme, id) = (tenant_id("acme"), installed(&world, &with_key("1.0.0")).await);
    let database = world.platform().database();
    let name = "com.example.terms";
    let stale = database.find_install(&acme, name).await.unwrap().unwrap();
    assert_eq!(world.operate(&set_terms(&acme, &id, &only(&[]))).await.status, 200);
    let to = database.version(name, "1.0.1").await.unwrap().unwrap();
    let changed = |result: Result<(), alga_store::StoreError>| matches!(result, Err(alga_store::StoreError::Changed));
    assert!(changed(database.apply_upgrade(&stale, &to, &stale.grants, None).await));
    assert!(changed(database.stage_upgrade(&stale, &to).await));
    assert!(changed(
        database
            .update_settings(&stale, &alga_store::InstallSettings::default())
            .await
    ));
    let now = database.find_install(&acme, name).await.unwrap().unwrap();
    assert!(now.egress.is_empty() && now.version_id == stale.version_id);
}

#[tokio::test]
async fn a_rollback_restores_no_removed_host_and_requires_the_old_secrets() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let mut next = manifest("1.1.0");
    next["secrets"] = json!([]);
    published(&world, &next).await;
    let (acme, id) = (tenant_id("acme"), installed(&world, &with_key("1.0.0")).await);
    let upgrade = upgrade(&acme, &id, &to("1.1.0"));
    let narrow = set_terms(&acme, &id, &only(&["api.example.com"]));
    assert_eq!(world.operate(&upgrade).await.status, 200);
    assert_eq!(world.operate(&narrow).await.status, 200);
    let deleted = world.operate(&delete_secret(&acme, &id, "api-key")).await;
    assert_eq!(deleted.status, 204);
    let refused = world.operate(&roll_back(&acme, &id)).await;
    assert!(
        refused.text().contains("needs the secret `api-key`"),
        "{}",
        refused.text()
    );
    let again = InstallRequest {
        allow_downgrade: true,
        ..with_secrets("1.0.0", &[("api-key", "k")])
    };
    let back = install(&world, "acme", &again).await;
    assert_eq!(back.status, 201, "{}", back.text());
    let upgraded = world.operate(&upgrade).await;
    assert_eq!(upgraded.status, 200, "{}", upgraded.text());
    assert_eq!(world.operate(&narrow).await.status, 200);
    let back = world.operate(&roll_back(&acme, &id)).await.ok();
    assert_eq!(back.egress, hosts(&["api.example.com"]));
}

#[tokio::test]
async fn reinstalling_leaves_an_install_disabled_and_refuses_downgrades() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    published(&world, &manifest("1.1.0")).await;
    let (acme, id) = (tenant_id("acme"), installed(&world, &with_key("1.1.0")).await);
    assert_eq!(world.operate(&disable(&acme, &id)).await.status, 200);
    let again = install(&world, "acme", &request("1.1.0")).await.ok();
    assert_eq!(again.status, InstallStatus::Disabled);
    let older = install(&world, "acme", &request("1.0.0")).await;
    assert!(
        older.status == 400 && older.text().contains("--allow-downgrade"),
        "{}",
        older.text()
    );
    let downgrade = InstallRequest {
        allow_downgrade: true,
        ..request("1.0.0")
    };
    assert_eq!(install(&world, "acme", &downgrade).await.status, 201);
}

/// Every change by an administrator is in the audit log, and no secret is.
#[tokio::test]
async fn secrets_terms_and_revocations_are_in_the_audit_log() {
    let world = TestPlatform::new().await;
    published(&world, &manifest("1.0.0")).await;
    let (acme, id) = (tenant_id("acme"), installed(&world, &with_key("1.0.0")).await);
    world.operate(&set_secret(&acme, &id, "spare", &secret(CANARY))).await;
    world.operate(&delete_secret(&acme, &id, "spare")).await;
    world.operate(&set_terms(&acme, &id, &only(&[]))).await;
    let log = world.operate(&audit_after(0)).await;
    let actions: Vec<_> = log.ok().entries.into_iter().map(|entry| entry.action).collect();
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
