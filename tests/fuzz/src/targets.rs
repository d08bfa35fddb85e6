use alga_bundle::{Bundle, ComponentFacts, EntryPath, Manifest};
use alga_capabilities::known;
use alga_engine::MachineCodeCache;
use alga_signing::{Policy, SigningKey, Statement, TrustBundle, sign, verify};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A parser under attack.
pub struct Target {
    /// Its name for `cargo xtask soak fuzz`.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Panics when the oracle says no.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
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
        name: "execute_request",
        seeds: requests,
        run: execute_request,
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

/// Accepted means canonical: what is read packs back to the same files.
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

/// Whatever verifies says exactly what was signed.
fn signature_envelope(bytes: &[u8]) {
    let trust = TrustBundle::default().with_key("example".parse().unwrap(), KEY.verifying_key());
    if let Ok(verified) = verify(bytes, &BUNDLE, Policy::now(&trust)) {
        assert_eq!(verified.statement, Statement::about(&BUNDLE));
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

/// No record that this host's key has not made is ever handed out.
fn machine_code_record(bytes: &[u8]) {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let cache = MachineCodeCache::open(FOLDER.path(), [1; 32], u64::MAX).unwrap();
    let name: String = COMPONENT.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(FOLDER.path().join(format!("{name}.code")), bytes).unwrap();
    assert!(cache.get(&COMPONENT).is_none());
}
