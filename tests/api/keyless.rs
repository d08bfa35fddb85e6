//! Keyless identities, keys of cosign, and the registry's receipts for later verification.

use crate::signers::{IDENTITY, at, bundle};
use alga_bundle::{Bundle, CapabilityName};
use alga_capabilities::known;
use alga_harness::pki::{Authority, CertificateRequest};
use alga_harness::{Release, Sigstore, TestPlatform, component, tenant_id};
use alga_registry_types::{show_install, show_version};
use alga_signing::{
    Policy, Rejected, Signature, Signer, SigningKey, TrustBundle, attach, detached, release_message,
    sign_with_certificate, verify,
};
use jiff::Timestamp;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::DecodePrivateKey;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ISSUER: &str = "https://accounts.example.test";
const WORKFLOW: &str = "https://code.example.test/acme/hello/.github/workflows/release.yml@refs/heads/main";

/// Returns a trust configuration for [`WORKFLOW`], authenticated by [`ISSUER`].
fn keyless_trust(sigstore: &Sigstore) -> Value {
    json!({
        "publishers": [{ "name": "example", "keyless": [{ "sigstore": "ours", "issuer": ISSUER, "identity": WORKFLOW }] }],
        "sigstoreRoots": [{ "name": "ours", "trustedRoot": sigstore.trusted_root() }],
    })
}

fn check_keyless(signed: &Value, sigstore: &Sigstore) -> Result<Signer, Rejected> {
    let trust = TrustBundle::parse(keyless_trust(sigstore).to_string().as_bytes()).unwrap();
    let bundle = bundle();
    let envelope = attach(
        &bundle,
        &Signature::Keyless {
            bundle: signed.to_string(),
        },
    );
    verify(&envelope.to_json(), &bundle, Policy::now(&trust)).map(|verified| verified.signer)
}

#[test]
fn an_identity_signs_without_a_key_in_every_version_of_sigstore_bundles() {
    let (sigstore, message) = (Sigstore::new(), release_message(&bundle()));
    for version in ["0.1", "0.2", "0.3"] {
        let signed = sigstore.sign_blob(ISSUER, WORKFLOW, &message, version);
        let signer = check_keyless(&signed, &sigstore).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(signer.to_string(), format!("keyless ours {ISSUER} {WORKFLOW}"));
    }
}

/// An operator of one sigstore deployment can issue any identity there, but none in another
/// deployment.
#[test]
fn an_identity_is_trusted_only_in_its_own_deployment() {
    let (own, foreign, message) = (Sigstore::new(), Sigstore::new(), release_message(&bundle()));
    let mut file = keyless_trust(&own);
    let other = json!({ "name": "theirs", "trustedRoot": foreign.trusted_root() });
    file["sigstoreRoots"].as_array_mut().unwrap().push(other);
    let trust = TrustBundle::parse(file.to_string().as_bytes()).unwrap();
    let bundle = bundle();
    for (deployment, is_trusted) in [(&own, true), (&foreign, false)] {
        let signed = deployment.sign_blob(ISSUER, WORKFLOW, &message, "0.3");
        let envelope = attach(
            &bundle,
            &Signature::Keyless {
                bundle: signed.to_string(),
            },
        );
        assert_eq!(
            verify(&envelope.to_json(), &bundle, Policy::now(&trust)).is_ok(),
            is_trusted
        );
    }
}

#[test]
fn keyless_signatures_of_other_identities_or_messages_are_refused() {
    let (sigstore, message) = (Sigstore::new(), release_message(&bundle()));
    let sign = |issuer: &str, identity: &str, message: &[u8]| sigstore.sign_blob(issuer, identity, message, "0.3");
    let shorter = WORKFLOW.strip_suffix("main").unwrap();
    for (what, signed) in [
        (
            "another issuer",
            sign("https://accounts.example.test.evil", WORKFLOW, &message),
        ),
        (
            "an issuer with a slash more",
            sign("https://accounts.example.test/", WORKFLOW, &message),
        ),
        ("another branch", sign(ISSUER, &format!("{shorter}dev"), &message)),
        ("a prefix", sign(ISSUER, shorter, &message)),
        ("a longer identity", sign(ISSUER, &format!("{WORKFLOW}2"), &message)),
        ("another message", sign(ISSUER, WORKFLOW, b"another release")),
        (
            "another deployment",
            Sigstore::new().sign_blob(ISSUER, WORKFLOW, &message, "0.3"),
        ),
        ("nothing", json!({})),
    ] {
        let evaluated = check_keyless(&signed, &sigstore);
        assert!(
            matches!(evaluated, Err(Rejected::Signature { .. })),
            "{what}: {evaluated:?}"
        );
    }
}

/// Covers every part of the signature that a verifier could omit to check.
#[test]
fn a_keyless_signature_with_any_part_changed_or_missing_is_refused() {
    let (sigstore, message) = (Sigstore::new(), release_message(&bundle()));
    let good = sigstore.sign_blob(ISSUER, WORKFLOW, &message, "0.3");
    let other = sigstore.sign_blob(ISSUER, WORKFLOW, b"another release", "0.3");
    let entry = "/verificationMaterial/tlogEntries/0";
    for part in [
        "/messageSignature/signature",
        "/messageSignature/messageDigest/digest",
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
        "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash",
        "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope",
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(part).unwrap() = other.pointer(part).unwrap().clone();
        assert!(check_keyless(&changed, &sigstore).is_err(), "{part}");
    }
    let mut later = good.clone();
    later.pointer_mut(entry).unwrap()["integratedTime"] = json!("1600000000");
    assert!(check_keyless(&later, &sigstore).is_err(), "another time");
    for missing in ["inclusionPromise", "inclusionProof", "integratedTime"] {
        let mut changed = good.clone();
        changed
            .pointer_mut(entry)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(missing);
        assert!(check_keyless(&changed, &sigstore).is_err(), "without {missing}");
    }
    let mut unlogged = good;
    unlogged["verificationMaterial"]["tlogEntries"] = json!([]);
    assert!(check_keyless(&unlogged, &sigstore).is_err(), "not in the log");
}

/// The keys of cosign are P-256, and half of its signatures have the larger S.
#[test]
fn a_detached_cosign_signature_verifies_with_low_and_high_s() {
    let (key, bundle) = (SigningKey::generate_p256().unwrap(), bundle());
    let public = key.verifying_key();
    let trust = TrustBundle::default().with_key("example".parse().unwrap(), public.clone());
    let private = p256::ecdsa::SigningKey::from_pkcs8_pem(&key.to_pem().unwrap()).unwrap();
    let signed: p256::ecdsa::Signature = private.sign(&release_message(&bundle));
    let parsed = signed.normalize_s().unwrap_or(signed);
    let low = parsed.to_der().as_bytes().to_vec();
    let (r, s) = parsed.split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r, -*s)
        .unwrap()
        .to_der()
        .as_bytes()
        .to_vec();
    for signature in [low, high] {
        let envelope = attach(&bundle, &detached(&public, signature)).to_json();
        assert!(verify(&envelope, &bundle, Policy::now(&trust)).is_ok());
    }
}

#[tokio::test]
async fn a_keyless_release_is_published_installed_run_and_names_its_signer() {
    let sigstore = Sigstore::new();
    let world = TestPlatform::with_settings(&[("trust_bundle", &keyless_trust(&sigstore).to_string())]).await;
    let manifest = Release::manifest("com.example.keyless", "1.0.0", &[]);
    let bytes = Release::pack(&manifest, &component("answers_ok"));
    let bundle = Bundle::read(&bytes, known()).unwrap();
    let signed = sigstore
        .sign_blob(ISSUER, WORKFLOW, &release_message(&bundle), "0.3")
        .to_string();
    let release = Release {
        name: "com.example.keyless".into(),
        version: "1.0.0".into(),
        bundle: bytes,
        signatures: attach(&bundle, &Signature::Keyless { bundle: signed }).to_json(),
    };
    let published = world.publish(&release).await.ok();
    assert_eq!(published.signing_key, format!("keyless ours {ISSUER} {WORKFLOW}"));
    let install = world.install("acme", &release, &[]).await;
    assert_eq!(install.status, 201, "{}", install.text());
    assert_eq!(
        world.execute(&world.request_for(&install.ok())).await.json()["status"],
        200
    );
}

/// The certificate has expired by the time the release is loaded; the registry's receipt proves
/// that it was valid when the release was published.
#[tokio::test]
async fn a_release_verifies_after_certificate_expiry_only_with_a_real_receipt() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let trust = json!({
        "publishers": [{ "name": "example", "certificates": [{ "authority": "corp", "identity": IDENTITY }] }],
        "authorities": [{ "name": "corp", "roots": [root.pem()], "revocationLists": [] }],
    });
    let world = TestPlatform::with_settings(&[("trust_bundle", &trust.to_string())]).await;
    let year = i32::from(Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year());
    let bytes = Release::pack(
        &Release::manifest("com.example.ending", "1.0.0", &[]),
        &component("answers_ok"),
    );
    let bundle = Bundle::read(&bytes, known()).unwrap();
    let request = CertificateRequest {
        years: (year, year + 1),
        ..CertificateRequest::default()
    };
    let signatures = sign_with_certificate(&bundle, &key, vec![root.issue(&key, &request)]).to_json();
    let release = Release {
        name: "com.example.ending".into(),
        version: "1.0.0".into(),
        bundle: bytes,
        signatures,
    };
    world.publish(&release).await;
    let receipt = world
        .directory()
        .join("bundles/sha256")
        .join(release.content_hash().to_hex())
        .join("bundle.receipt.json");
    let receipt = std::fs::read(receipt).unwrap();
    let policy = world.platform().trust().unwrap();
    assert!(
        policy
            .verify_at_receipt(&release.signatures, Some(&receipt), &bundle)
            .is_ok()
    );

    // The same release, signed with an expired certificate: only a receipt of this registry for
    // this content changes the time of evaluation.
    let over = CertificateRequest {
        years: (2020, 2021),
        ..CertificateRequest::default()
    };
    let late = sign_with_certificate(&bundle, &key, vec![root.issue(&key, &over)]).to_json();
    assert!(policy.verify_at_receipt(&late, Some(&receipt), &bundle).is_err());
    assert!(policy.verify_at_receipt(&late, None, &bundle).is_err());
    let mut forged = alga_signing::Receipt::read(&receipt, policy.registry(), bundle.digest()).unwrap();
    forged.received_at = at(2020);
    let forged = forged.sign(&SigningKey::generate().unwrap()).to_json();
    assert!(policy.verify_at_receipt(&late, Some(&forged), &bundle).is_err());
}

/// Renewed attestations do not replace valid ones: those are evaluated as of the receipt's time, at
/// which the new ones were not valid yet.
#[tokio::test]
async fn republishing_with_a_newer_key_leaves_the_version_verifiable() {
    let (old, young) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let soon = Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let pem = |key: &SigningKey| key.verifying_key().to_pem().unwrap();
    let trust = json!({ "publishers": [{ "name": "example", "keys": [
        { "publicKey": pem(&old) }, { "publicKey": pem(&young), "notBefore": soon.to_string() },
    ] }] });
    let world = TestPlatform::with_settings(&[("trust_bundle", &trust.to_string())]).await;
    let manifest = Release::manifest("com.example.renewed", "1.0.0", &[]);
    let first = Release::new(&old, &manifest, &component("answers_ok"));
    let again = Release::new(&young, &manifest, &component("answers_ok"));
    world.publish(&first).await;
    while Timestamp::now() < soon {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.publish(&again).await.status, 200);
    let version = world.operate(&show_version("com.example.renewed", "1.0.0")).await.ok();
    assert_eq!(version.signing_key, old.verifying_key().id().to_string());
    assert_eq!(world.install("acme", &first, &[]).await.status, 201);
    let world = world.restart().await;
    let shown = show_install(&tenant_id("acme"), "com.example.renewed");
    let install = world.operate(&shown).await.ok();
    assert_eq!(world.execute(&world.request_for(&install)).await.status, 200);
}

/// A capability that is declared and unused is a warning at publish; the proof is returned, and the
/// registry's receipt signs it.
#[tokio::test]
async fn the_registry_stores_returns_and_signs_the_capability_proof() {
    let world = TestPlatform::new().await;
    let release = Release::new(
        world.key(),
        &Release::manifest("com.example.proved", "1.0.0", &["cap:log.emit", "cap:storage.kv"]),
        &component("log_works"),
    );
    let published = world.publish(&release).await.ok();
    let storage: CapabilityName = "cap:storage.kv".parse().unwrap();
    assert_eq!(published.unused_capabilities, BTreeSet::from([storage]));
    let version = world.operate(&show_version("com.example.proved", "1.0.0")).await.ok();
    let receipt = serde_json::to_vec(&version.receipt.unwrap()).unwrap();
    let registry = world.platform().trust().unwrap().registry().clone();
    let read = alga_signing::Receipt::read(&receipt, &registry, release.content_hash()).unwrap();
    assert_eq!(read.capability_proof, version.capability_proof);
    assert!(
        version
            .capability_proof
            .imports
            .keys()
            .any(|name| name.starts_with("alga:log/logger@"))
    );
    let third_party = SigningKey::generate().unwrap().verifying_key();
    assert!(alga_signing::Receipt::read(&receipt, &third_party, release.content_hash()).is_none());
}
