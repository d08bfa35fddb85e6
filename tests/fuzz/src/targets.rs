use crate::{egress, guest_abi, http};
use alga_bundle::{Bundle, ComponentFacts, EntryPath, Manifest};
use alga_capabilities::known;
use alga_engine::MachineCodeCache;
use alga_harness::Sigstore;
use alga_harness::pki::{Authority, CertificateRequest};
use alga_secrets::{LocalKeys, SecretBinding, SecretEnvelope, SecretValue};
use alga_signing::{
    Policy, Receipt, RevocationList, Signature, SigningKey, Statement, TrustBundle, attach, release_message, sign,
    sign_revocations, sign_with_certificate, verify,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Parser under test.
pub struct Target {
    /// Name of the target for `cargo xtask soak fuzz`.
    pub name: &'static str,
    /// Returns the initial inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Panics if an assertion about the result fails.
    pub run: fn(&[u8]),
}

/// List of all targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "canonical_path",
        seeds: http::paths,
        run: http::path,
    },
    Target {
        name: "header_policy",
        seeds: http::header_lists,
        run: http::headers,
    },
    Target {
        name: "foreign_archive",
        seeds: http::archives,
        run: http::archive,
    },
    Target {
        name: "bundle_parse",
        seeds: bundles,
        run: bundle_parse,
    },
    Target {
        name: "manifest_json",
        seeds: manifests,
        run: manifest_json,
    },
    Target {
        name: "component",
        seeds: components,
        run: component,
    },
    Target {
        name: "signature_envelope",
        seeds: envelopes,
        run: signature_envelope,
    },
    Target {
        name: "certificate_chain",
        seeds: certificates,
        run: certificate_chain,
    },
    Target {
        name: "sigstore_bundle",
        seeds: sigstore_bundles,
        run: sigstore_bundle,
    },
    Target {
        name: "trust_bundle",
        seeds: trust_bundles,
        run: trust_bundle,
    },
    Target {
        name: "revocation_list",
        seeds: revocation_lists,
        run: revocation_list,
    },
    Target {
        name: "receipt",
        seeds: receipts,
        run: receipt,
    },
    Target {
        name: "secret_envelope",
        seeds: secret_envelopes,
        run: secret_envelope,
    },
    Target {
        name: "execute_request",
        seeds: requests,
        run: execute_request,
    },
    Target {
        name: "egress_url",
        seeds: egress::seeds,
        run: egress::egress_url,
    },
    Target {
        name: "guest_abi",
        seeds: guest_abi::seeds,
        run: guest_abi::guest_abi,
    },
    Target {
        name: "machine_code_record",
        seeds: records,
        run: machine_code_record,
    },
];

fn files() -> BTreeMap<EntryPath, Vec<u8>> {
    let manifest = manifests().swap_remove(0);
    BTreeMap::from([
        ("dist/main.wasm".parse().unwrap(), components().swap_remove(0)),
        ("manifest.json".parse().unwrap(), manifest),
        ("ui/index.html".parse().unwrap(), b"<p>hello".to_vec()),
    ])
}

fn bundles() -> Vec<Vec<u8>> {
    vec![alga_bundle::pack(&files()).unwrap()]
}

/// Asserts that accepted bundles are canonical: packing the files again gives the same files.
fn bundle_parse(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::read(bytes, known()) {
        let read = alga_bundle::unpack(bytes).unwrap();
        assert!(
            read.iter()
                .map(|(path, bytes)| (path, bytes.len()))
                .eq(bundle.entries())
        );
        let again = Bundle::read(&alga_bundle::pack(&read).unwrap(), known()).unwrap();
        assert_eq!(again.manifest_digest(), bundle.manifest_digest());
    }
}

fn manifests() -> Vec<Vec<u8>> {
    [
        r#"{"name":"com.example.a","publisher":"example","version":"1.0.0"}"#,
        r#"{"name":"com.example.a","publisher":"example","version":"1.0.0-rc.1","runtime":"wasm-js@1","capabilities":["storage.kv"],
            "api":{"endpoints":[{"method":"GET","path":"/a/:b","timeoutMs":5,"cacheable":true}]},"config":[{"name":"k","default":"v"}],
            "limits":{"memoryMb":5}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn manifest_json(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes, known()) {
        let written = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&written, known()).unwrap(), manifest);
    }
}

fn components() -> Vec<Vec<u8>> {
    [
        r#"(component (instance) (export "wasi:http/incoming-handler@0.2.12" (instance 0)))"#,
        r#"(component (import "alga:log/logger@1.0.0" (instance (export "f" (func)))) (core module (memory 1)))"#,
        r#"(component (core module (func (export "f") (loop (br 0)))))"#,
    ]
    .map(|text| wat::parse_str(text).unwrap())
    .to_vec()
}

fn component(bytes: &[u8]) {
    if let Ok(facts) = ComponentFacts::read(bytes) {
        assert!(facts.imports.values().all(|functions| !functions.is_empty()));
    }
}

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| Bundle::read(&bundles()[0], known()).unwrap());

fn envelopes() -> Vec<Vec<u8>> {
    vec![sign(&BUNDLE, &KEY).to_json()]
}

/// Asserts that every envelope that verifies contains exactly the signed statement.
fn signature_envelope(bytes: &[u8]) {
    let trust = TrustBundle::default().with_key("example".parse().unwrap(), KEY.verifying_key());
    if let Ok(verified) = verify(bytes, &BUNDLE, Policy::now(&trust)) {
        assert_eq!(verified.statement, Statement::about(&BUNDLE));
    }
}

fn certificates() -> Vec<Vec<u8>> {
    vec![CERTIFICATE.clone()]
}

static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| AUTHORITY.issue(&KEY, &CertificateRequest::default()));

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("root"));
static SIGSTORE: LazyLock<Sigstore> = LazyLock::new(Sigstore::new);
const ISSUER: &str = "https://accounts.example.test";
const IDENTITY: &str = "releases@example.com";

static TRUST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let file = json!({
        "publishers": [{
            "name": "example",
            "keys": [{ "publicKey": KEY.verifying_key().to_pem().unwrap(), "notAfter": "2100-01-01T00:00:00Z" }],
            "certificates": [{ "authority": "corp", "identity": IDENTITY }],
            "keyless": [{ "sigstore": "ours", "issuer": ISSUER, "identity": IDENTITY }],
        }],
        "authorities": [{ "name": "corp", "roots": [AUTHORITY.pem()], "revocationLists": [] }],
        "sigstoreRoots": [{ "name": "ours", "trustedRoot": SIGSTORE.trusted_root() }],
        "revocationKeys": [KEY.verifying_key().to_pem().unwrap()],
    });
    file.to_string().into_bytes()
});
static POLICY: LazyLock<TrustBundle> = LazyLock::new(|| TrustBundle::parse(&TRUST).unwrap());

/// Asserts that only the issued certificate verifies.
fn certificate_chain(bytes: &[u8]) {
    let envelope = sign_with_certificate(&BUNDLE, &KEY, vec![bytes.to_vec()]).to_json();
    if verify(&envelope, &BUNDLE, Policy::now(&POLICY)).is_ok() {
        assert_eq!(bytes, CERTIFICATE.as_slice());
    }
}

fn sigstore_bundles() -> Vec<Vec<u8>> {
    let message = release_message(&BUNDLE);
    ["0.1", "0.3"]
        .map(|version| {
            SIGSTORE
                .sign_blob(ISSUER, IDENTITY, &message, version)
                .to_string()
                .into_bytes()
        })
        .to_vec()
}

/// Asserts that every bundle that verifies is about exactly this release.
fn sigstore_bundle(bytes: &[u8]) {
    let Ok(bundle) = String::from_utf8(bytes.to_vec()) else {
        return;
    };
    let envelope = attach(&BUNDLE, &Signature::Keyless { bundle }).to_json();
    if let Ok(verified) = verify(&envelope, &BUNDLE, Policy::now(&POLICY)) {
        assert_eq!(verified.statement, Statement::about(&BUNDLE));
    }
}

fn trust_bundles() -> Vec<Vec<u8>> {
    vec![TRUST.clone()]
}

fn trust_bundle(bytes: &[u8]) {
    let _ = TrustBundle::parse(bytes);
}

fn revocation_list_of_tests() -> RevocationList {
    let time = "2030-01-01T00:00:00Z".parse().unwrap();
    RevocationList {
        epoch: 7,
        issued_at: time,
        expires_at: time,
        bundles: vec![],
        signers: vec![],
    }
}

fn revocation_lists() -> Vec<Vec<u8>> {
    vec![sign_revocations(&revocation_list_of_tests(), &KEY).to_json()]
}

/// Asserts that every list that parses is the one that was signed.
fn revocation_list(bytes: &[u8]) {
    if let Ok(list) = RevocationList::read(bytes, &POLICY) {
        assert_eq!(list, revocation_list_of_tests());
    }
}

fn receipt_of_tests() -> Receipt {
    Receipt {
        statement: Statement::about(&BUNDLE),
        signer: "key".to_owned(),
        capability_proof: BUNDLE.proof().clone(),
        received_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn receipts() -> Vec<Vec<u8>> {
    vec![receipt_of_tests().sign(&KEY).to_json()]
}

fn receipt(bytes: &[u8]) {
    if let Some(receipt) = Receipt::read(bytes, &KEY.verifying_key(), BUNDLE.digest()) {
        assert_eq!(receipt, receipt_of_tests());
    }
}

static SEALER: LazyLock<LocalKeys> = LazyLock::new(|| LocalKeys::from_text(&"7".repeat(64)).unwrap());

fn with_binding<T>(then: impl FnOnce(&SecretBinding<'_>) -> T) -> T {
    then(&SecretBinding {
        tenant: &"acme".parse().unwrap(),
        extension: &"extension".parse().unwrap(),
        install: &"install".parse().unwrap(),
        name: "key",
    })
}

fn secret_envelopes() -> Vec<Vec<u8>> {
    let secret = SecretValue::new(Zeroizing::new(b"hunter2".to_vec())).unwrap();
    vec![with_binding(|binding| {
        SEALER.seal(&secret, binding).unwrap().to_json().into_bytes()
    })]
}

/// Asserts that every envelope that opens contains what was sealed.
fn secret_envelope(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(envelope) = SecretEnvelope::parse(&text) else {
        return;
    };
    if let Ok(secret) = with_binding(|binding| SEALER.open(&envelope, binding)) {
        assert_eq!(secret.expose(), b"hunter2");
    }
}

fn requests() -> Vec<Vec<u8>> {
    [
        r#"{"context":{"tenant_id":"a","extension_id":"b","content_hash":"sha256:00"},"http":{"method":"GET","path":"/"}}"#,
        r#"{"context":{"request_id":"r","tenant_id":"a","extension_id":"b","install_id":"c","version_id":"d","content_hash":"x","config":{"k":"v"},
            "trigger":"event","event_id":"e"},"http":{"method":"POST","path":"/a/b","query":{"a":["1","2"],"b":"c"},"headers":{"x-a":["1","2"]},
            "body_b64":"aGVsbG8="},"limits":{"timeout_ms":1,"memory_mb":2},"providers":["cap:log.emit"]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn execute_request(bytes: &[u8]) {
    let _ = alga_execute::fuzzing::execute_request_is_read(bytes);
}

const COMPONENT: [u8; 32] = [7; 32];

fn records() -> Vec<Vec<u8>> {
    let mut record = b"algacod1".to_vec();
    record.extend([0; 32]);
    record.extend(b"\x7fELF machine code");
    vec![record]
}

/// Asserts that the cache returns no record that was not made with this host's key.
fn machine_code_record(bytes: &[u8]) {
    static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let cache = MachineCodeCache::open(DIRECTORY.path(), [1; 32], u64::MAX).unwrap();
    let name: String = COMPONENT.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(DIRECTORY.path().join(format!("{name}.code")), bytes).unwrap();
    assert!(cache.get(&COMPONENT).is_none());
}
