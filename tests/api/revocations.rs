//! Signed lists of revoked releases and signers.

use alga_harness::{Release, Reply, TestPlatform, component, tenant_id};
use alga_registry_types::{Page, RevocationStatus, installs, revocations, send_revocations};
use alga_signing::{RevocationList, RevokedBundle, RevokedSigner, SigningKey, sign_revocations};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

/// Starts a platform that trusts its own key for publisher `example`, and one key for revocations.
async fn world() -> (TestPlatform, SigningKey, SigningKey) {
    let (publisher, revoker) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let trust = trust(&publisher, &revoker);
    (
        TestPlatform::with_settings(&[("trust_bundle", &trust.to_string())]).await,
        publisher,
        revoker,
    )
}

fn trust(publisher: &SigningKey, revoker: &SigningKey) -> Value {
    json!({
        "publishers": [{ "name": "example", "keys": [{ "publicKey": publisher.verifying_key().to_pem().unwrap() }] }],
        "revocationKeys": [revoker.verifying_key().to_pem().unwrap()],
    })
}

fn list(epoch: u64) -> RevocationList {
    let now = Timestamp::now();
    RevocationList {
        epoch,
        issued_at: now,
        expires_at: now + SignedDuration::from_hours(24 * 7),
        bundles: vec![],
        signers: vec![],
    }
}

/// Returns a list that revokes one release.
fn list_revoking(epoch: u64, release: &Release, reason: &str) -> RevocationList {
    let revoked = RevokedBundle {
        content_hash: release.content_hash(),
        reason: reason.into(),
    };
    RevocationList {
        bundles: vec![revoked],
        ..list(epoch)
    }
}

async fn post(world: &TestPlatform, list: &RevocationList, key: &SigningKey) -> Reply<RevocationStatus> {
    let envelope = sign_revocations(list, key).to_json();
    world.operate(&send_revocations(envelope)).await
}

async fn active_epoch(world: &TestPlatform) -> u64 {
    world.operate(&revocations()).await.ok().epoch
}

fn release(key: &SigningKey, version: &str) -> Release {
    Release::new(
        key,
        &Release::manifest("com.example.listed", version, &[]),
        &component("answers_ok"),
    )
}

#[tokio::test]
async fn a_revoked_bundle_stops_at_once_and_others_run_on() {
    let (world, publisher, revoker) = world().await;
    let (bad, good) = (release(&publisher, "1.0.0"), {
        let manifest = Release::manifest("com.example.other", "1.0.0", &[]);
        Release::new(&publisher, &manifest, &component("answers_ok"))
    });
    let mut requests = Vec::new();
    for release in [&bad, &good] {
        world.publish(release).await;
        let install = world.install("acme", release, &[]).await;
        requests.push(world.request_for(&install.ok()));
    }
    assert_eq!(world.execute(&requests[0]).await.status, 200);
    let reply = post(&world, &list_revoking(1, &bad, "steals tea"), &revoker).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let response = world.execute(&requests[0]).await;
    response.assert_error(410, "version_revoked");
    assert_eq!(world.execute(&requests[1]).await.status, 200);
    let again = world.try_publish(&bad).await;
    assert_eq!(again.code(), "signature_rejected");
    let installed = world.install("other", &bad, &[]).await;
    assert_eq!(installed.code(), "version_revoked");
}

#[tokio::test]
async fn a_revoked_key_cannot_publish_and_its_earlier_releases_stay_valid() {
    let (world, publisher, revoker) = world().await;
    let before = release(&publisher, "1.0.0");
    world.publish(&before).await;
    assert_eq!(world.install("early", &before, &[]).await.status, 201);
    let since = Timestamp::now() + SignedDuration::from_millis(1);
    while Timestamp::now() < since {
        tokio::task::yield_now().await;
    }
    let signer = publisher.verifying_key().id().to_string();
    let revoked = RevokedSigner {
        signer,
        since,
        reason: "key was lost".into(),
    };
    let list = RevocationList {
        signers: vec![revoked],
        ..list(1)
    };
    let reply = post(&world, &list, &revoker).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let after = release(&publisher, "1.0.1");
    assert_eq!(world.try_publish(&after).await.code(), "signature_rejected");
    assert_eq!(world.install("acme", &before, &[]).await.status, 201);
    // An installed version still runs, with a warning.
    let page = world
        .operate(&installs(&tenant_id("early"), &Page::default()))
        .await
        .ok();
    let warning = &page.installs[0].warnings[0];
    assert!(
        warning.contains("is revoked since") && warning.contains("key was lost"),
        "{warning}"
    );
}

#[tokio::test]
async fn old_far_ahead_expired_and_untrusted_revocation_lists_are_refused() {
    let (world, publisher, revoker) = world().await;
    assert_eq!(post(&world, &list(5), &revoker).await.status, 201);
    let over = RevocationList {
        expires_at: Timestamp::now() - SignedDuration::from_secs(1),
        ..list(6)
    };
    for (what, list, key, code) in [
        ("played back", list(5), &revoker, "conflict"),
        ("older", list(4), &revoker, "conflict"),
        ("far ahead", list(5 + 1001), &revoker, "conflict"),
        ("at the end of all numbers", list(u64::MAX), &revoker, "conflict"),
        ("over", over, &revoker, "bad_request"),
        ("by a publisher", list(6), &publisher, "signature_rejected"),
        (
            "by an unknown key",
            list(6),
            &SigningKey::generate().unwrap(),
            "signature_rejected",
        ),
    ] {
        assert_eq!(post(&world, &list, key).await.code(), code, "{what}");
    }
    assert_eq!(active_epoch(&world).await, 5);
    assert_eq!(post(&world, &list(6), &revoker).await.status, 201);
}

#[tokio::test]
async fn concurrent_revocation_lists_never_lower_the_epoch() {
    let (world, _, revoker) = world().await;
    let (world, revoker) = (Arc::new(world), Arc::new(revoker));
    let tasks: Vec<_> = (1..=20)
        .map(|epoch| {
            let (world, revoker) = (Arc::clone(&world), Arc::clone(&revoker));
            tokio::spawn(async move {
                let reply = post(&world, &list(epoch), &revoker).await;
                (epoch, reply.status.as_u16(), reply.text())
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        let (epoch, status, text) = task.await.unwrap();
        assert!(status == 201 || status == 409, "{epoch}: {text}");
        accepted = accepted.max(if status == 201 { epoch } else { 0 });
    }
    assert_eq!(active_epoch(&world).await, accepted);
}

#[tokio::test]
async fn a_revocation_list_survives_a_restart() {
    let (world, publisher, revoker) = world().await;
    let release = release(&publisher, "1.0.0");
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    post(&world, &list_revoking(3, &release, "bad"), &revoker).await;
    let world = world.restart().await;
    assert_eq!(active_epoch(&world).await, 3);
    assert_eq!(
        world.execute(&world.request_for(&install)).await.code(),
        "version_revoked"
    );
}

/// Covers test R12.
#[tokio::test]
async fn a_database_older_than_the_last_revocation_needs_operator_consent() {
    let (world, _, revoker) = world().await;
    post(&world, &list(1), &revoker).await;
    // This host has seen epoch 2; the database it finds has epoch 1.
    let newer = sign_revocations(&list(2), &revoker).to_json();
    std::fs::write(world.directory().join("revocations.json"), newer).unwrap();
    let stopped = world.stop().await;
    let Err(error) = stopped.start_with(&[]).await else {
        panic!("it started")
    };
    assert!(
        error.contains("restored from an older backup") && error.contains("ALGA_ADOPT_REVOCATIONS"),
        "{error}"
    );
    let world = stopped.start_with(&[("adopt_revocations", "true")]).await.unwrap();
    assert_eq!(active_epoch(&world).await, 2);
    assert_eq!(post(&world, &list(2), &revoker).await.code(), "conflict");
}

#[tokio::test]
async fn a_host_with_an_expired_list_admits_nothing_new_and_runs_old_installs() {
    let (world, publisher, revoker) = world().await;
    let first = release(&publisher, "1.0.0");
    world.publish(&first).await;
    let install = world.install("acme", &first, &[]).await.ok();
    let over = RevocationList {
        expires_at: Timestamp::now() - SignedDuration::from_hours(25),
        ..list(1)
    };
    std::fs::write(
        world.directory().join("revocations.json"),
        sign_revocations(&over, &revoker).to_json(),
    )
    .unwrap();
    let world = world
        .stop()
        .await
        .start_with(&[("adopt_revocations", "true")])
        .await
        .unwrap();
    assert_eq!(world.execute(&world.request_for(&install)).await.status, 200);
    let next = release(&publisher, "1.0.1");
    assert_eq!(world.try_publish(&next).await.code(), "revocations_overdue");
    assert_eq!(world.install("other", &first, &[]).await.code(), "revocations_overdue");
    assert_eq!(post(&world, &list(2), &revoker).await.status, 201);
    world.publish(&next).await;
}

/// The response was lost, or the disk was full during the write: sending the same list again
/// succeeds.
#[tokio::test]
async fn the_same_revocation_list_is_accepted_again() {
    let (world, _, revoker) = world().await;
    let envelope = sign_revocations(&list(1), &revoker).to_json();
    for _ in 0..2 {
        let reply = world.operate(&send_revocations(envelope.clone())).await;
        assert_eq!((reply.status.as_u16(), reply.ok().epoch), (201, 1), "{}", reply.text());
    }
}

/// The key that signs lists is replaced, and lists signed by the lost key can no longer be read.
#[tokio::test]
async fn a_lost_revocation_key_is_replaced_only_with_a_newer_list() {
    let (world, publisher, lost) = world().await;
    post(&world, &list(5), &lost).await;
    let next = SigningKey::generate().unwrap();
    let trust = trust(&publisher, &next).to_string();
    let stopped = world.stop().await;
    let supplied = stopped.directory().join("next.json");
    let settings = [
        ("trust_bundle", trust.as_str()),
        ("revocations", supplied.to_str().unwrap()),
    ];
    std::fs::write(&supplied, sign_revocations(&list(5), &next).to_json()).unwrap();
    let Err(error) = stopped.start_with(&settings).await else {
        panic!("an old list was accepted")
    };
    assert!(error.contains("ALGA_REVOCATIONS"), "{error}");
    std::fs::write(&supplied, sign_revocations(&list(6), &next).to_json()).unwrap();
    let world = stopped.start_with(&settings).await.unwrap();
    assert_eq!(active_epoch(&world).await, 6);
    assert_eq!(post(&world, &list(7), &lost).await.code(), "signature_rejected");
    assert_eq!(post(&world, &list(7), &next).await.status, 201);
}

/// Another process of the fleet accepted a list: it is in the database, and this process has not
/// read it yet.
#[tokio::test]
async fn a_revocation_list_accepted_by_another_process_is_applied() {
    let (world, publisher, revoker) = world().await;
    let release = release(&publisher, "1.0.0");
    world.publish(&release).await;
    let request = world.request_for(&world.install("acme", &release, &[]).await.ok());
    assert_eq!(world.execute(&request).await.status, 200);
    let list = list_revoking(4, &release, "bad");
    let envelope = String::from_utf8(sign_revocations(&list, &revoker).to_json()).unwrap();
    let accepted = alga_store::StoredRevocations { epoch: 4, envelope };
    world.platform().database().add_revocations(&accepted).await.unwrap();
    let is_followed = async {
        while world.platform().trust().unwrap().generation() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = is_followed => {}
        () = world.platform().follow_revocations() => {}
    }
    assert_eq!(world.execute(&request).await.code(), "version_revoked");
    let world = world.restart().await;
    assert_eq!(active_epoch(&world).await, 4);
}
