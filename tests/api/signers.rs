//! Who may sign a release, and everything that looks almost like it: certificates of private authorities, keyless identities, keys of cosign.

use alga_bundle::Bundle;
use alga_capabilities::known;
use alga_harness::pki::{Authority, CertificateRequest, self_signed};
use alga_harness::{Release, Sigstore, World, component};
use alga_signing::{
    Policy, Rejected, Signature, Signer, SigningKey, TrustBundle, attach, detached, release_message,
    sign_with_certificate, verify,
};
use jiff::Timestamp;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::DecodePrivateKey;
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints, date_time_ymd};
use serde_json::{Value, json};

const IDENTITY: &str = "releases@example.com";
const ISSUER: &str = "https://accounts.example.test";
const WORKFLOW: &str = "https://code.example.test/acme/hello/.github/workflows/release.yml@refs/heads/main";

fn bundle() -> Bundle {
    let manifest = Release::manifest("com.example.signed", "1.0.0", &[]);
    Bundle::read(&Release::pack(&manifest, &component("answers_ok")), known()).unwrap()
}

/// Trusting [`IDENTITY`] in certificates of this authority.
fn trusting(authority: &Authority, revocation_lists: &[String]) -> TrustBundle {
    let file = json!({
        "publishers": [{ "name": "example", "certificates": [{ "authority": "corp", "identity": IDENTITY }] }],
        "authorities": [{ "name": "corp", "roots": [authority.pem()], "revocationLists": revocation_lists }],
    });
    TrustBundle::parse(file.to_string().as_bytes()).unwrap()
}

fn at(year: i16) -> Timestamp {
    format!("{year}-06-01T00:00:00Z").parse().unwrap()
}

fn judge(chain: Vec<Vec<u8>>, key: &SigningKey, trust: &TrustBundle, year: i16) -> Result<Signer, Rejected> {
    let bundle = bundle();
    let envelope = sign_with_certificate(&bundle, key, chain).to_json();
    let policy = Policy {
        at: at(year),
        ..Policy::now(trust)
    };
    verify(&envelope, &bundle, policy).map(|verified| verified.signer)
}

#[test]
fn a_certificate_of_a_trusted_authority_signs_for_exactly_its_name() {
    for key in [SigningKey::generate_p256().unwrap(), SigningKey::generate().unwrap()] {
        let root = Authority::new("root");
        let signer = judge(
            vec![root.issue(&key, &CertificateRequest::default())],
            &key,
            &trusting(&root, &[]),
            2026,
        );
        assert_eq!(signer.unwrap().to_string(), "certificate corp releases@example.com");
        let middle = root.intermediate("middle", |_| {});
        let chain = vec![middle.issue(&key, &CertificateRequest::default()), middle.der()];
        judge(chain, &key, &trusting(&root, &[]), 2026).unwrap();
    }
}

/// The name of a mistake, and the certificate chain that makes it.
fn mistakes(root: &Authority, key: &SigningKey) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let issue = |request: CertificateRequest<'_>| root.issue(key, &request);
    let good = CertificateRequest::default;
    let middle = |change: fn(&mut rcgen::CertificateParams)| {
        let middle = root.intermediate("middle", change);
        vec![middle.issue(key, &good()), middle.der()]
    };
    let a = root.intermediate("a", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let b = a.intermediate("b", |_| {});
    let mut long = vec![issue(good())];
    long.extend((0..100).map(|_| root.der()));
    let mut wrong_order = middle(|_| {});
    wrong_order.reverse();
    let stranger = SigningKey::generate_p256().unwrap();
    vec![
        ("no certificate", vec![]),
        ("nonsense", vec![b"nonsense".to_vec()]),
        (
            "an expired certificate",
            vec![issue(CertificateRequest {
                years: (2020, 2022),
                ..good()
            })],
        ),
        (
            "a certificate of the future",
            vec![issue(CertificateRequest {
                years: (2030, 2040),
                ..good()
            })],
        ),
        (
            "a certificate for servers",
            vec![issue(CertificateRequest {
                usages: &[ExtendedKeyUsagePurpose::ServerAuth],
                ..good()
            })],
        ),
        (
            "a certificate for nothing",
            vec![issue(CertificateRequest { usages: &[], ..good() })],
        ),
        (
            "a certificate for anything",
            vec![issue(CertificateRequest {
                usages: &[ExtendedKeyUsagePurpose::Any],
                ..good()
            })],
        ),
        (
            "an authority as signer",
            vec![issue(CertificateRequest {
                is_authority: true,
                ..good()
            })],
        ),
        ("a self-signed certificate", vec![self_signed(key, &good())]),
        (
            "a certificate of another root",
            vec![Authority::new("root").issue(key, &good())],
        ),
        ("an intermediate that is none", {
            let leaf = root.intermediate("leaf", |params| params.is_ca = IsCa::ExplicitNoCa);
            vec![leaf.issue(key, &good()), leaf.der()]
        }),
        (
            "an expired intermediate",
            middle(|params| params.not_after = date_time_ymd(2022, 1, 1)),
        ),
        (
            "an intermediate for other names",
            middle(|params| {
                params.name_constraints = Some(NameConstraints {
                    permitted_subtrees: vec![GeneralSubtree::DnsName("other.test".into())],
                    excluded_subtrees: vec![GeneralSubtree::Rfc822Name("example.com".into())],
                });
            }),
        ),
        (
            "a missing intermediate",
            vec![root.intermediate("middle", |_| {}).issue(key, &good())],
        ),
        (
            "a path longer than allowed",
            vec![b.issue(key, &good()), b.der(), a.der()],
        ),
        ("a hundred certificates", long),
        ("the wrong order", wrong_order),
        ("somebody else's certificate", vec![root.issue(&stranger, &good())]),
        ("no name", vec![issue(CertificateRequest { names: &[], ..good() })]),
        (
            "two names",
            vec![issue(CertificateRequest {
                names: &[IDENTITY, "b@example.com"],
                ..good()
            })],
        ),
    ]
}

#[test]
fn certificates_that_are_wrong_in_any_way_are_refused() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let trust = trusting(&root, &[]);
    for (mistake, chain) in mistakes(&root, &key) {
        let judged = judge(chain, &key, &trust, 2026);
        assert!(
            matches!(judged, Err(Rejected::Signature { .. } | Rejected::Signer(_))),
            "{mistake}: {judged:?}"
        );
    }
}

#[test]
fn names_that_look_almost_like_the_trusted_one_are_refused() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let trust = trusting(&root, &[]);
    for name in [
        "releases@example.com.evil.test",
        "releases@evil-example.com",
        "releases@example.co",
        "eleases@example.com",
        "Releases@example.com",
        "releases@Example.com",
        "releases@examplexcom",
        "releases+a@example.com",
        "releases@sub.example.com",
        "example.com",
        "releases.example.com",
        "https://example.com/releases@example.com",
        "mailto://releases@example.com",
        "releases@example.com ",
    ] {
        let request = CertificateRequest {
            names: &[name],
            ..CertificateRequest::default()
        };
        let judged = judge(vec![root.issue(&key, &request)], &key, &trust, 2026);
        assert!(matches!(judged, Err(Rejected::Signature { .. })), "{name}: {judged:?}");
    }
}

#[test]
fn a_certificate_is_judged_at_the_time_the_release_was_received() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let request = CertificateRequest {
        years: (2024, 2025),
        ..CertificateRequest::default()
    };
    let chain = vec![root.issue(&key, &request)];
    for (year, is_believed) in [(2023, false), (2024, true), (2026, false)] {
        assert_eq!(
            judge(chain.clone(), &key, &trusting(&root, &[]), year).is_ok(),
            is_believed,
            "{year}"
        );
    }
}

#[test]
fn with_revocation_lists_only_certificates_that_a_current_list_clears_are_believed() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let chain = || vec![root.issue(&key, &CertificateRequest::default())];
    let other = Authority::new("other");
    for (what, list, is_believed) in [
        ("a clean list", root.revocation_list(&[8], 2030), true),
        ("a list with this certificate", root.revocation_list(&[7], 2030), false),
        ("a list that is over", root.revocation_list(&[8], 2025), false),
        ("a list of somebody else", other.revocation_list(&[], 2030), false),
    ] {
        assert_eq!(
            judge(chain(), &key, &trusting(&root, &[list]), 2026).is_ok(),
            is_believed,
            "{what}"
        );
    }
}

/// Trusting [`WORKFLOW`], which [`ISSUER`] vouches for.
fn keyless_trust(sigstore: &Sigstore) -> Value {
    json!({
        "publishers": [{ "name": "example", "keyless": [{ "issuer": ISSUER, "identity": WORKFLOW }] }],
        "sigstoreRoots": [sigstore.trusted_root()],
    })
}

fn judge_keyless(signed: &Value, sigstore: &Sigstore) -> Result<Signer, Rejected> {
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
        let signer = judge_keyless(&signed, &sigstore).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(signer.to_string(), format!("keyless {ISSUER} {WORKFLOW}"));
    }
}

#[test]
fn keyless_signatures_of_others_or_over_something_else_are_refused() {
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
        let judged = judge_keyless(&signed, &sigstore);
        assert!(matches!(judged, Err(Rejected::Signature { .. })), "{what}: {judged:?}");
    }
}

/// Every part that a verifier could forget to look at.
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
        assert!(judge_keyless(&changed, &sigstore).is_err(), "{part}");
    }
    let mut later = good.clone();
    later.pointer_mut(entry).unwrap()["integratedTime"] = json!("1600000000");
    assert!(judge_keyless(&later, &sigstore).is_err(), "another time");
    for missing in ["inclusionPromise", "inclusionProof", "integratedTime"] {
        let mut changed = good.clone();
        changed
            .pointer_mut(entry)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(missing);
        assert!(judge_keyless(&changed, &sigstore).is_err(), "without {missing}");
    }
    let mut unlogged = good;
    unlogged["verificationMaterial"]["tlogEntries"] = json!([]);
    assert!(judge_keyless(&unlogged, &sigstore).is_err(), "not in the log");
}

/// cosign's keys are P-256, and half of its signatures have the larger S.
#[test]
fn a_detached_signature_of_cosign_counts_in_either_spelling() {
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
async fn a_keyless_release_is_published_installed_and_run_and_says_who_signed_it() {
    let sigstore = Sigstore::new();
    let world = World::with_settings(&[("trust_bundle", &keyless_trust(&sigstore).to_string())]).await;
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
    let published = world.publish(&release).await.json();
    assert_eq!(published["signingKey"], format!("keyless {ISSUER} {WORKFLOW}"));
    let install = world.install("acme", &release, &[]).await;
    assert_eq!(install.status, 201, "{}", install.text());
    assert_eq!(
        world.execute(&world.request_for(&install.json())).await.json()["status"],
        200
    );
}

/// The certificate is over by the time it is loaded; the registry's receipt says that it was not when the release came.
#[tokio::test]
async fn a_release_stays_good_when_its_certificate_ends_and_a_forged_receipt_does_not_help() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let trust = json!({
        "publishers": [{ "name": "example", "certificates": [{ "authority": "corp", "identity": IDENTITY }] }],
        "authorities": [{ "name": "corp", "roots": [root.pem()], "revocationLists": [] }],
    });
    let world = World::with_settings(&[("trust_bundle", &trust.to_string())]).await;
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
        .folder()
        .join("bundles/sha256")
        .join(release.content_hash().to_hex())
        .join("bundle.receipt.json");
    let receipt = std::fs::read(receipt).unwrap();
    let policy = world.platform().trust();
    assert!(policy.verify_kept(&release.signatures, Some(&receipt), &bundle).is_ok());

    // The same release, signed with a certificate that is over: only a receipt of this registry for this content moves the time.
    let over = CertificateRequest {
        years: (2020, 2021),
        ..CertificateRequest::default()
    };
    let late = sign_with_certificate(&bundle, &key, vec![root.issue(&key, &over)]).to_json();
    assert!(policy.verify_kept(&late, Some(&receipt), &bundle).is_err());
    assert!(policy.verify_kept(&late, None, &bundle).is_err());
    let mut forged = alga_signing::Receipt::read(&receipt, policy.registry(), bundle.digest()).unwrap();
    forged.received_at = at(2020);
    let forged = forged.sign(&SigningKey::generate().unwrap()).to_json();
    assert!(policy.verify_kept(&late, Some(&forged), &bundle).is_err());
}
