//! Keys, certificates, identities and revocations on the command line; and sigstore bundles from
//! third parties.

use super::{Author, snapshot};
use alga_harness::Sigstore;
use alga_harness::pki::{Authority, CertificateRequest};
use alga_signing::SigningKey;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ISSUER: &str = "https://accounts.example.test";
const IDENTITY: &str = "https://code.example.test/acme/hello/release.yml@refs/heads/main";

/// Creates a project with a packed bundle of publisher `example`.
fn publisher() -> Author {
    let author = Author::with_hello();
    author.run(&["keygen", "--publisher", "example"]);
    author.run(&["pack"]);
    author
}

fn succeeds(author: &Author, arguments: &[&str]) -> String {
    let text = author.run(arguments);
    assert!(text.starts_with("exit 0"), "{arguments:?}: {text}");
    text
}

#[test]
fn a_key_is_rotated_and_the_old_one_retired() {
    let author = publisher();
    succeeds(&author, &["sign"]);
    let keygen = [
        "keygen",
        "--publisher",
        "example",
        "--algorithm",
        "p256",
        "--out",
        "new.key",
        "--trust",
        "new.json",
    ];
    succeeds(&author, &keygen);
    succeeds(&author, &["trust", "key", "--publisher", "example", "new.key"]);
    succeeds(&author, &["verify"]);
    succeeds(&author, &["sign", "--key", "new.key"]);
    succeeds(&author, &["verify"]);
    let trust: Value = serde_json::from_slice(&fs::read(author.path().join("trust.json")).unwrap()).unwrap();
    let old =
        alga_signing::VerifyingKey::from_pem(trust["publishers"][0]["keys"][0]["publicKey"].as_str().unwrap()).unwrap();
    succeeds(
        &author,
        &["trust", "retire", "--publisher", "example", &old.id().to_string()],
    );
    succeeds(&author, &["verify"]);
    succeeds(&author, &["sign"]);
    assert!(author.run(&["verify"]).contains("is not valid at"));
    assert!(
        author
            .run(&["trust", "retire", "--publisher", "example", "0000000000000000"])
            .starts_with("exit 1")
    );
}

#[test]
fn verify_accepts_a_certificate_only_for_its_trusted_identity() {
    let author = publisher();
    let (root, key) = (Authority::new("root"), SigningKey::generate_p256().unwrap());
    let middle = root.intermediate("middle", |_| {});
    let pem = |der: Vec<u8>| {
        let text = base64(&der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    };
    let chain = pem(middle.issue(&key, &CertificateRequest::default())) + &pem(middle.der());
    for (file, text) in [
        ("root.pem", root.pem()),
        ("chain.pem", chain),
        ("corp.key", key.to_pem().unwrap().to_string()),
    ] {
        fs::write(author.path().join(file), text).unwrap();
    }
    succeeds(&author, &["trust", "authority", "--name", "corp", "--root", "root.pem"]);
    let rule = [
        "trust",
        "certificate",
        "--publisher",
        "example",
        "--authority",
        "corp",
        "--identity",
    ];
    succeeds(&author, &[&rule[..], &["releases@example.com"]].concat());
    succeeds(&author, &["sign", "--key", "corp.key", "--certificates", "chain.pem"]);
    assert!(succeeds(&author, &["verify"]).contains("signed by certificate corp releases@example.com"));
    let elsewhere = [
        "trust",
        "certificate",
        "--publisher",
        "example",
        "--authority",
        "nobody",
        "--identity",
        "a@example.com",
    ];
    assert!(author.run(&elsewhere).contains("which is not in `authorities`"));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A private sigstore does what `cosign sign-blob` does between the first command and the second.
#[test]
fn a_release_is_signed_without_a_key() {
    let (author, sigstore) = (publisher(), Sigstore::new());
    fs::write(author.path().join("root.json"), sigstore.trusted_root().to_string()).unwrap();
    succeeds(&author, &["sign", "--message", "release.bin"]);
    sigstore.sign_release(author.path(), ISSUER, IDENTITY);
    succeeds(&author, &["sign", "--sigstore-bundle", "release.sigstore.json"]);
    assert!(author.run(&["verify"]).contains("check 5, signer"));
    succeeds(&author, &["trust", "sigstore-root", "root.json"]);
    succeeds(
        &author,
        &[
            "trust",
            "identity",
            "--publisher",
            "example",
            "--issuer",
            ISSUER,
            "--identity",
            IDENTITY,
        ],
    );
    snapshot("verify_keyless", &succeeds(&author, &["verify"]));
    let verify = [
        "verify-bundle",
        "--bundle",
        "release.sigstore.json",
        "--trusted-root",
        "root.json",
        "--certificate-oidc-issuer",
        ISSUER,
        "release.bin",
    ];
    succeeds(&author, &[&verify[..], &["--certificate-identity", IDENTITY]].concat());
    assert!(
        author
            .run(&[&verify[..], &["--certificate-identity", "somebody"]].concat())
            .contains("identity mismatch")
    );
    assert!(author.run(&verify).contains("--certificate-identity"));
}

#[test]
fn trust_revoke_extends_a_list_and_verify_refuses_revoked_bundles() {
    let author = publisher();
    succeeds(&author, &["sign"]);
    let hash = alga_bundle::Digest::of(&fs::read(author.path().join("dist/bundle.tar.zst")).unwrap()).to_string();
    assert!(
        author
            .run(&["trust", "revoke", "--bundle", &hash])
            .contains("alga trust revocation-key")
    );
    succeeds(&author, &["trust", "revocation-key", "signing.key"]);
    succeeds(&author, &["trust", "revoke"]);
    succeeds(&author, &["verify", "--revocations", "revocations.json"]);
    snapshot(
        "trust_revoke",
        &succeeds(
            &author,
            &[
                "trust",
                "revoke",
                "--previous",
                "revocations.json",
                "--bundle",
                &hash,
                "--reason",
                "steals tea",
            ],
        ),
    );
    snapshot(
        "verify_revoked",
        &author.run(&["verify", "--revocations", "revocations.json"]),
    );
    snapshot("trust_show", &author.run(&["trust", "show"]));
}

/// Returns the directory of a dependency as cargo unpacked it: its tests contain real bundles of
/// the public sigstore.
fn dependency(name: &str) -> PathBuf {
    let output = Command::new("cargo")
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
        ])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(alga_harness::root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == name)
        .unwrap();
    Path::new(package["manifest_path"].as_str().unwrap())
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Cases of (bundle, arguments, expected error text; empty means success).
const REAL: [(&str, &[&str], &str); 8] = [
    (
        "bundles/cosign-v3-blob",
        &[
            "--certificate-identity",
            "w.vollprecht@gmail.com",
            "--certificate-oidc-issuer",
            "https://github.com/login/oauth",
            "bundles/cosign-v3-blob.txt",
        ],
        "",
    ),
    (
        "bundles/cosign-v3-blob",
        &[
            "--certificate-identity",
            "w.vollprecht@gmail.co",
            "--certificate-oidc-issuer",
            "https://github.com/login/oauth",
            "bundles/cosign-v3-blob.txt",
        ],
        "identity mismatch",
    ),
    (
        "bundles/cosign-v3-blob",
        &[
            "--certificate-identity",
            "w.vollprecht@gmail.com",
            "--certificate-oidc-issuer",
            "https://github.com/login",
            "bundles/cosign-v3-blob.txt",
        ],
        "issuer mismatch",
    ),
    (
        "bundles/cosign-v3-blob",
        &[
            "--certificate-identity",
            "w.vollprecht@gmail.com",
            "--certificate-oidc-issuer",
            "https://github.com/login/oauth",
            "managed-key/artifact.txt",
        ],
        "does not match",
    ),
    (
        "managed-key/bundle",
        &["--key", "managed-key/key.pub", "managed-key/artifact.txt"],
        "",
    ),
    (
        "managed-key/bundle",
        &["--key", "managed-key/key.pub", "bundles/cosign-v3-blob.txt"],
        "does not match",
    ),
    (
        "bundles/conda-attestation",
        &[
            "--certificate-identity",
            "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main",
            "--certificate-oidc-issuer",
            "https://token.actions.githubusercontent.com",
            "bundles/signed-package-2.1.0-hb0f4dca_0.conda",
        ],
        "",
    ),
    (
        "bundles/conda-attestation",
        &[
            "--certificate-identity",
            "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main",
            "--certificate-oidc-issuer",
            "https://token.actions.githubusercontent.com",
            "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ],
        "not match",
    ),
];

#[test]
fn public_sigstore_bundles_verify_only_for_their_signer_and_artifact() {
    let data = dependency("sigstore-verify").join("test_data");
    let root = dependency("sigstore-trust-root").join("src/trusted_root.json");
    for (bundle, arguments, expected) in REAL {
        let output = Command::new(alga_harness::program("alga"))
            .args([
                "verify-bundle",
                "--trusted-root",
                root.to_str().unwrap(),
                "--bundle",
                &format!("{bundle}.sigstore.json"),
            ])
            .args(arguments)
            .current_dir(&data)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let is_as_expected = if expected.is_empty() {
            output.status.success()
        } else {
            output.status.code() == Some(1) && text.contains(expected)
        };
        assert!(is_as_expected, "{bundle} {arguments:?}: {text}");
    }
}

/// No log entry, no checkpoint, a missing certificate, a version that does not exist, an entry of
/// another signature, an unknown certificate log.
#[test]
fn broken_bundles_of_the_conformance_suite_are_refused() {
    let data = dependency("sigstore-verify").join("test_data");
    let root = dependency("sigstore-trust-root").join("src/trusted_root.json");
    let names = [
        "no_log_entry",
        "no_checkpoint",
        "no_cert_v1",
        "invalid_version",
        "cve_2022_36056",
    ];
    let mut cases: Vec<_> = names
        .map(|name| (data.join(format!("bundles/bundle_{name}.txt.sigstore")), root.clone()))
        .to_vec();
    let directory = data.join("invalid-ct-key_fail");
    cases.push((
        directory.join("bundle.sigstore.json"),
        directory.join("trusted_root.json"),
    ));
    for (bundle, root) in cases {
        let json: Value = serde_json::from_slice(&fs::read(&bundle).unwrap()).unwrap();
        let digest = json
            .pointer("/messageSignature/messageDigest/digest")
            .and_then(Value::as_str)
            .map(|text| {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
                format!(
                    "sha256:{}",
                    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
                )
            });
        let output = Command::new(alga_harness::program("alga"))
            .args([
                "verify-bundle",
                "--certificate-identity",
                "a@example.com",
                "--certificate-oidc-issuer",
                "https://example.com",
            ])
            .arg("--bundle")
            .arg(&bundle)
            .arg("--trusted-root")
            .arg(&root)
            .arg(digest.unwrap_or_else(|| format!("sha256:{}", "0".repeat(64))))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{}", bundle.display());
        assert!(!text.contains("identity mismatch"), "{}: {text}", bundle.display());
    }
}

/// Defects that a careless parser would accept: a root certificate inside the chain that it
/// certifies, and two values for one key.
#[test]
fn a_chain_with_its_root_and_a_repeated_key_are_refused() {
    let data = dependency("sigstore-verify").join("test_data");
    let root = dependency("sigstore-trust-root").join("src/trusted_root.json");
    let root: Value = serde_json::from_slice(&fs::read(root).unwrap()).unwrap();
    let authorities = root["certificateAuthorities"].as_array().unwrap();
    let chain = authorities.last().unwrap()["certChain"]["certificates"]
        .as_array()
        .unwrap();
    let root_certificate = chain.last().unwrap().clone();
    let (path, arguments, _) = REAL.iter().find(|(_, _, expected)| expected.is_empty()).unwrap();
    let text = fs::read_to_string(data.join(format!("{path}.sigstore.json"))).unwrap();
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let certificate = bundle["verificationMaterial"]["certificate"].clone();
    let certificate = if certificate.is_null() {
        bundle["verificationMaterial"]["x509CertificateChain"]["certificates"][0].clone()
    } else {
        certificate
    };
    let mut with_root = bundle.clone();
    with_root["mediaType"] = Value::from("application/vnd.dev.sigstore.bundle+json;version=0.2");
    let material = with_root["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert(
        "x509CertificateChain".to_owned(),
        serde_json::json!({ "certificates": [certificate, root_certificate] }),
    );
    let signature = bundle.get("messageSignature").unwrap().to_string();
    let twice = text.trim_end().strip_suffix('}').unwrap().to_owned() + ",\"messageSignature\":" + &signature + "}";
    let author = Author::new();
    let verify = |json: &str| {
        fs::write(author.path().join("bundle.json"), json).unwrap();
        // Without --trusted-root, the root of the public-good sigstore is the default.
        let output = Command::new(alga_harness::program("alga"))
            .args(["verify-bundle", "--bundle"])
            .arg(author.path().join("bundle.json"))
            .args(*arguments)
            .current_dir(&data)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(verify(&text).0, Some(0), "{}", verify(&text).1);
    let (code, reported) = verify(&with_root.to_string());
    assert!(
        code == Some(1) && reported.contains("contains a root certificate"),
        "{reported}"
    );
    let (code, reported) = verify(&twice);
    assert!(code == Some(1) && reported.contains("duplicate key"), "{reported}");
}
