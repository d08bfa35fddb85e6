//! Certificates of private authorities: the signers that are trusted for a release, and near misses
//! that are not.

use alga_bundle::Bundle;
use alga_capabilities::known;
use alga_harness::pki::{Authority, CertificateRequest, self_signed};
use alga_harness::{Release, component};
use alga_signing::{Policy, Rejected, Signer, SigningKey, TrustBundle, sign_with_certificate, verify};
use jiff::Timestamp;
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints, date_time_ymd};
use serde_json::json;

pub(crate) const IDENTITY: &str = "releases@example.com";

pub(crate) fn bundle() -> Bundle {
    let manifest = Release::manifest("com.example.signed", "1.0.0", &[]);
    Bundle::read(&Release::pack(&manifest, &component("answers_ok")), known()).unwrap()
}

/// Returns a trust bundle that trusts [`IDENTITY`] in certificates of this authority.
fn trusting(authority: &Authority, revocation_lists: &[String]) -> TrustBundle {
    let file = json!({
        "publishers": [{ "name": "example", "certificates": [{ "authority": "corp", "identity": IDENTITY }] }],
        "authorities": [{ "name": "corp", "roots": [authority.pem()], "revocationLists": revocation_lists }],
    });
    TrustBundle::parse(file.to_string().as_bytes()).unwrap()
}

pub(crate) fn at(year: i16) -> Timestamp {
    format!("{year}-06-01T00:00:00Z").parse().unwrap()
}

fn check(chain: Vec<Vec<u8>>, key: &SigningKey, trust: &TrustBundle, year: i16) -> Result<Signer, Rejected> {
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
        let signer = check(
            vec![root.issue(&key, &CertificateRequest::default())],
            &key,
            &trusting(&root, &[]),
            2026,
        );
        assert_eq!(signer.unwrap().to_string(), "certificate corp releases@example.com");
        let middle = root.intermediate("middle", |_| {});
        let chain = vec![middle.issue(&key, &CertificateRequest::default()), middle.der()];
        check(chain, &key, &trusting(&root, &[]), 2026).unwrap();
    }
}

/// Returns certificate chains with one defect each, with the defect's name.
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
    let third_party = SigningKey::generate_p256().unwrap();
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
        ("another key's certificate", vec![root.issue(&third_party, &good())]),
        (
            "an intermediate for servers",
            middle(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        (
            "an intermediate of the future",
            middle(|params| params.not_before = date_time_ymd(2035, 1, 1)),
        ),
        ("six certificates", {
            let mut above = root.intermediate("0", |_| {});
            let mut chain = vec![above.der()];
            for level in 1..5 {
                above = above.intermediate(&level.to_string(), |_| {});
                chain.insert(0, above.der());
            }
            chain.insert(0, above.issue(key, &good()));
            chain
        }),
        ("a changed certificate", {
            let mut certificate = issue(good());
            let middle = certificate.len() / 2;
            certificate[middle] ^= 1;
            vec![certificate]
        }),
        ("half a certificate", vec![issue(good())[..100].to_vec()]),
        ("a root as signer", vec![root.der()]),
        (
            "the same certificate twice, of another key",
            vec![root.issue(&third_party, &good()), issue(good())],
        ),
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
fn invalid_certificates_are_refused() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let trust = trusting(&root, &[]);
    for (mistake, chain) in mistakes(&root, &key) {
        let evaluated = check(chain, &key, &trust, 2026);
        assert!(
            matches!(evaluated, Err(Rejected::Signature { .. } | Rejected::Signer(_))),
            "{mistake}: {evaluated:?}"
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
        let evaluated = check(vec![root.issue(&key, &request)], &key, &trust, 2026);
        assert!(
            matches!(evaluated, Err(Rejected::Signature { .. })),
            "{name}: {evaluated:?}"
        );
    }
}

#[test]
fn a_certificate_is_evaluated_as_of_the_time_of_receipt() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let request = CertificateRequest {
        years: (2024, 2025),
        ..CertificateRequest::default()
    };
    let chain = vec![root.issue(&key, &request)];
    for (year, is_trusted) in [(2023, false), (2024, true), (2026, false)] {
        assert_eq!(
            check(chain.clone(), &key, &trusting(&root, &[]), year).is_ok(),
            is_trusted,
            "{year}"
        );
    }
}

#[test]
fn a_certificate_needs_a_current_revocation_list_that_omits_it() {
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let chain = || vec![root.issue(&key, &CertificateRequest::default())];
    let other = Authority::new("other");
    for (what, list, is_trusted) in [
        ("a clean list", root.revocation_list(&[8], 2030), true),
        ("a list with this certificate", root.revocation_list(&[7], 2030), false),
        ("a list that is over", root.revocation_list(&[8], 2025), false),
        ("a list of another authority", other.revocation_list(&[], 2030), false),
    ] {
        assert_eq!(
            check(chain(), &key, &trusting(&root, &[list]), 2026).is_ok(),
            is_trusted,
            "{what}"
        );
    }
}
