use super::*;
use std::collections::BTreeMap;

fn bundle(publisher: &str, name: &str, version: &str) -> Bundle {
    let manifest = format!(r#"{{"name":"{name}","publisher":"{publisher}","version":"{version}"}}"#);
    let component =
        wat::parse_str(r#"(component (instance) (export "wasi:http/incoming-handler@0.2.12" (instance 0)))"#).unwrap();
    let files = BTreeMap::from([
        ("manifest.json".parse().unwrap(), manifest.into_bytes()),
        ("dist/main.wasm".parse().unwrap(), component),
    ]);
    Bundle::read(&alga_bundle::pack(&files).unwrap(), &[]).unwrap()
}

fn trusting(publisher: &str, key: &SigningKey) -> TrustBundle {
    TrustBundle::default().with_key(publisher.parse().unwrap(), key.verifying_key())
}

#[test]
fn a_signed_release_verifies_and_names_its_key() {
    let key = SigningKey::generate().unwrap();
    let bundle = bundle("example", "com.example.a", "1.0.0");
    let verified = verify(
        &sign(&bundle, &key).to_json(),
        &bundle,
        Policy::now(&trusting("example", &key)),
    )
    .unwrap();
    assert_eq!(verified.signer, Signer::Key(key.verifying_key().id()));
    assert_eq!(verified.statement, Statement::about(&bundle));
}

#[test]
fn a_signature_is_valid_only_for_its_publisher_name_and_version() {
    let key = SigningKey::generate().unwrap();
    let trust = trusting("example", &key).with_key("other".parse().unwrap(), key.verifying_key());
    let envelope = sign(&bundle("example", "com.example.a", "1.0.0"), &key).to_json();
    for (publisher, name, version) in [
        ("other", "com.example.a", "1.0.0"),
        ("example", "com.example.b", "1.0.0"),
        ("example", "com.example.a", "1.0.1"),
    ] {
        assert!(matches!(
            verify(&envelope, &bundle(publisher, name, version), Policy::now(&trust)),
            Err(Rejected::Subject(_))
        ));
    }
}

#[test]
fn unknown_keys_unknown_publishers_and_foreign_keys_are_rejected() {
    let (own_key, other_key) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let bundle = bundle("example", "com.example.a", "1.0.0");
    let envelope = sign(&bundle, &other_key).to_json();
    assert!(matches!(
        verify(&envelope, &bundle, Policy::now(&trusting("example", &own_key))),
        Err(Rejected::Signer(_))
    ));
    assert!(matches!(
        verify(&envelope, &bundle, Policy::now(&trusting("exampl", &other_key))),
        Err(Rejected::Publisher(_))
    ));
    let trust_with_other_publisher =
        trusting("example", &own_key).with_key("other".parse().unwrap(), other_key.verifying_key());
    assert!(matches!(
        verify(&envelope, &bundle, Policy::now(&trust_with_other_publisher)),
        Err(Rejected::Signer(_))
    ));
}

#[test]
fn missing_empty_and_malformed_signatures_are_rejected() {
    let key = SigningKey::generate().unwrap();
    let bundle = bundle("example", "com.example.a", "1.0.0");
    let trust = trusting("example", &key);
    let good = String::from_utf8(sign(&bundle, &key).to_json()).unwrap();
    let stripped = r#"{"payloadType":"x","payload":"","signatures":[]}"#;
    let wrong_type = good.replace("vnd.alga.release", "vnd.alga.other");
    for bad in ["", "null", " ", "{}", stripped, &wrong_type] {
        assert!(verify(bad.as_bytes(), &bundle, Policy::now(&trust)).is_err(), "{bad}");
    }
    assert!(verify(&vec![b' '; 257 * 1024], &bundle, Policy::now(&trust)).is_err());
}

#[test]
fn an_envelope_with_a_flipped_bit_never_verifies_another_statement() {
    let key = SigningKey::generate().unwrap();
    let bundle = bundle("example", "com.example.a", "1.0.0");
    let trust = trusting("example", &key);
    let good = sign(&bundle, &key).to_json();
    for position in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[position] ^= 1 << bit;
            if let Ok(verified) = verify(&bad, &bundle, Policy::now(&trust)) {
                assert_eq!(verified.statement, Statement::about(&bundle), "byte {position}");
            }
        }
    }
}

#[test]
fn signing_keys_and_trust_bundles_survive_their_file_formats() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(again.verifying_key(), key.verifying_key());
    let trust = crate::TrustFile::of(&"example".parse().unwrap(), &key)
        .unwrap()
        .to_json()
        .unwrap();
    assert!(
        TrustBundle::parse(trust.as_bytes())
            .unwrap()
            .knows(&"example".parse().unwrap())
    );
    assert!(TrustBundle::parse(br#"{"publishers":[]}"#).is_err());
    assert!(SigningKey::from_pem("nonsense").is_err());
}

#[test]
fn a_release_signed_with_p_256_verifies_and_survives_pem() {
    let key = SigningKey::generate_p256().unwrap();
    let bundle = bundle("example", "com.example.a", "1.0.0");
    let envelope = sign(&bundle, &key).to_json();
    let read = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
    let public = crate::VerifyingKey::from_pem(&read.verifying_key().to_pem().unwrap()).unwrap();
    let trust = TrustBundle::default().with_key("example".parse().unwrap(), public);
    assert_eq!(
        verify(&envelope, &bundle, Policy::now(&trust)).unwrap().signer,
        Signer::Key(key.verifying_key().id())
    );
}

/// A P-256 signature has one valid encoding (not raw, not with the high S, not with trailing
/// bytes), and the key determines the algorithm.
#[test]
fn only_the_canonical_encoding_of_a_p_256_signature_verifies() {
    let key = SigningKey::generate_p256().unwrap();
    let public = key.verifying_key();
    let der = key.sign(b"message");
    assert!(public.verifies(b"message", &der) && !public.verifies(b"massage", &der));
    let signature = p256::ecdsa::Signature::from_der(&der).unwrap();
    let (r, s) = signature.split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
    let with_tail = [&der[..], &[0]].concat();
    let mut long_form = der.clone();
    long_form.splice(1..2, [0x81, der[1]]);
    for (what, spelling) in [
        ("raw", signature.to_bytes().to_vec()),
        ("high S", high.to_der().as_bytes().to_vec()),
        ("a tail", with_tail),
        ("a longer length", long_form),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 64]),
    ] {
        assert!(!public.verifies(b"message", &spelling), "{what}");
    }
    let ed25519 = SigningKey::generate().unwrap();
    assert!(!ed25519.verifying_key().verifies(b"message", &der));
    assert!(!public.verifies(b"message", &ed25519.sign(b"message")));
}

#[test]
fn one_changed_bit_anywhere_in_a_signed_release_is_rejected() {
    for key in [SigningKey::generate().unwrap(), SigningKey::generate_p256().unwrap()] {
        let bundle = bundle("example", "com.example.a", "1.0.0");
        let message = b"message".to_vec();
        let signature = key.sign(&message);
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verifying_key().verifies(&message, &changed), "bit {bit}");
        }
        assert!(
            verify(
                &sign(&bundle, &key).to_json(),
                &bundle,
                Policy::now(&trusting("example", &key))
            )
            .is_ok()
        );
    }
}

#[test]
fn malformed_weak_and_unsupported_public_keys_are_refused() {
    let weak = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
    let p384 = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\n-----END PUBLIC KEY-----\n";
    for pem in ["", "nonsense", weak, p384] {
        assert!(crate::VerifyingKey::from_pem(pem).is_err(), "{pem}");
    }
}

/// Every field of the statement is bound by the signature, each tested on its own (threat B16).
#[test]
fn a_statement_with_any_changed_field_is_rejected() {
    let key = SigningKey::generate().unwrap();
    let bundle = bundle("example", "com.example.a", "1.0.0");
    let trust = trusting("example", &key).with_key("other".parse().unwrap(), key.verifying_key());
    let other = alga_bundle::Digest::of(b"other");
    let right = Statement::about(&bundle);
    let changed = [
        Statement {
            publisher: "other".parse().unwrap(),
            ..right.clone()
        },
        Statement {
            name: "com.example.b".parse().unwrap(),
            ..right.clone()
        },
        Statement {
            version: "1.0.1".parse().unwrap(),
            ..right.clone()
        },
        Statement {
            bundle: other,
            ..right.clone()
        },
        Statement {
            manifest: other,
            ..right.clone()
        },
        Statement {
            capability_proof: other,
            ..right.clone()
        },
    ];
    for statement in changed {
        let payload = serde_json::to_vec(&statement).unwrap();
        let signature = Signature::Key {
            id: key.verifying_key().id(),
            signature: key.sign(&pre_authentication_encoding(PAYLOAD_TYPE, &payload)),
        };
        let envelope = Envelope::new(PAYLOAD_TYPE, &payload, &signature).to_json();
        let result = verify(&envelope, &bundle, Policy::now(&trust));
        assert!(matches!(result, Err(Rejected::Subject(_))), "{statement:?}");
    }
}

/// Adding the group's order to S gives the same point; a key or R of small order verifies
/// signatures that the key's owner never made (threat B13; RFC 8032, 5.1.7 and its errata).
#[test]
fn non_canonical_and_small_order_ed25519_signatures_are_rejected() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::generate().unwrap();
    let public = key.verifying_key();
    let good = key.sign(b"message");
    let mut shifted = good.clone();
    let mut carry = 0;
    for (byte, order) in shifted[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    let mut small = good.clone();
    small[..32].fill(0);
    small[0] = 1;
    let mut none = small.clone();
    none[32..].fill(0);
    let longer = [&good[..], &[0]].concat();
    for (what, signature) in [
        ("S plus the order", shifted),
        ("R of small order", small),
        ("R of small order and S of zero", none),
        ("a byte more", longer),
        ("a byte less", good[..63].to_vec()),
    ] {
        assert!(!public.verifies(b"message", &signature), "{what}");
    }
    assert!(public.verifies(b"message", &good));
}

/// Keys of other algorithms are refused, among them RSA of any length (threat B13).
#[test]
fn a_key_of_another_algorithm_is_refused() {
    let rsa = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7VJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvuNMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZqgtzJ6GR3eqoYSW9b9UMvkBpZODSctWSNGj3P7jRFDO5VoTwCQAWbFnOjDfH5Ulgp2PKSQnSJP3AJLQNFNe7br1XbrhV\n-----END PUBLIC KEY-----\n";
    assert!(crate::VerifyingKey::from_pem(rsa).is_err());
}
