use super::*;

use proptest::prelude::*;
use serde_json::{Value, json};

const KNOWN: &[Capability] = &[
    Capability {
        name: "cap:storage.kv",
        interface: "alga:storage/kv",
        version: (1, 0, 0),
        granted_by_default: false,
        used_by_pages: false,
        sends: false,
        promise: "",
    },
    Capability {
        name: "cap:http.fetch",
        interface: "wasi:http/outgoing-handler",
        version: (0, 2, 12),
        granted_by_default: false,
        used_by_pages: false,
        sends: false,
        promise: "",
    },
    Capability {
        name: "cap:log.emit",
        interface: "alga:log/logger",
        version: (1, 0, 0),
        granted_by_default: true,
        used_by_pages: false,
        sends: false,
        promise: "",
    },
];

fn sample() -> Value {
    serde_json::from_str(diagnosis::SAMPLE).unwrap()
}

fn problems(document: &Value) -> Vec<ManifestProblem> {
    match Manifest::parse(document.to_string().as_bytes(), KNOWN) {
        Ok(_) => Vec::new(),
        Err(ManifestError::Problems(problems)) => problems,
        Err(other) => panic!("{other}"),
    }
}

fn parse(json: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(json.as_bytes(), KNOWN)
}

#[test]
fn a_minimal_manifest_gets_the_defaults() {
    let manifest = parse(r#"{"name":"com.example.hello","publisher":"example","version":"1.0.0"}"#).unwrap();
    assert_eq!(manifest.entry, "dist/main.wasm");
    assert_eq!(manifest.runtime, "wasi-component@0.2");
    let again = Manifest::parse(&serde_json::to_vec(&manifest).unwrap(), KNOWN).unwrap();
    assert_eq!(again, manifest);
}

#[test]
fn all_broken_rules_are_reported_at_once_with_path_and_fix() {
    let error = parse(
        r#"{"name":"com.example.hello","publisher":"example","version":"1.0.0+x","runtime":"jvm","entry":"../main.wasm",
            "capabilities":["storage.kv","cap:storage.kv","cap:moon.landing"],
            "api":{"endpoints":[{"method":"GET","path":"agreements"},{"method":"GET","path":"/a/:x"},{"method":"GET","path":"/a/:y"}]},
            "config":[{"name":"a b"},{"name":"k"},{"name":"k"}], "limits":{"memoryMb":0}}"#,
    )
    .unwrap_err();
    let ManifestError::Problems(problems) = error else {
        panic!("{error}")
    };
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "$.runtime",
        "$.version",
        "$.limits",
        "$.capabilities[1]",
        "$.capabilities[2]",
        "$.api.endpoints[0].path",
        "$.api.endpoints[2].path",
        "$.config[0].name",
        "$.config[2].name",
        "$.entry",
    ];
    assert_eq!(paths, expected);
    assert!(problems.iter().all(|problem| !problem.fix.is_empty()));
}

#[test]
fn unknown_fields_and_wrong_names_are_reported() {
    for (json, word) in [
        (
            r#"{"name":"com.example.hello","publisher":"example","version":"1.0.0","capabilites":[]}"#,
            "capabilites",
        ),
        (
            r#"{"name":"Hello","publisher":"example","version":"1.0.0"}"#,
            "reverse domain",
        ),
        (
            r#"{"name":"com.example.hello","publisher":"","version":"1.0.0"}"#,
            "publisher",
        ),
        (
            r#"{"name":"com.example.hello","publisher":"example","version":"1"}"#,
            "version",
        ),
        (
            r#"{"name":"com.a.b","name":"com.a.c","publisher":"example","version":"1.0.0"}"#,
            "duplicate key",
        ),
    ] {
        let text = parse(json).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn the_sample_manifest_is_valid_and_has_every_field_of_the_schema() {
    let manifest = Manifest::parse(diagnosis::SAMPLE.as_bytes(), KNOWN).unwrap();
    assert_eq!(serde_json::to_value(manifest).unwrap(), sample());
    let schema = manifest_schema(KNOWN);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&schema["properties"]), names(&sample()));
    assert_eq!(
        schema["properties"]["capabilities"]["items"]["enum"][0],
        "cap:storage.kv"
    );
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn all_type_and_rule_errors_of_a_manifest_are_reported_together() {
    let reported = problems(&json!({
        "name": "Hello", "version": 1, "capabilites": [], "capabilities": ["cap:moon.landing", 7],
        "egress": ["https://api.example.com/path"],
        "api": { "endpoints": [{ "method": "FETCH", "path": "/a" }, { "path": "b", "colour": "red" }] },
        "config": [{ "name": "a", "type": "number", "default": "many" }],
        "secrets": [{ "name": "k", "hosts": ["other.example.com"] }],
        "events": [{ "topic": "Invoice", "handler": "nobody" }],
        "ui": { "type": "window", "entry": "/index.html" },
    }));
    let paths: BTreeSet<_> = reported.iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "$.api.endpoints[0].method",
        "$.api.endpoints[1].colour",
        "$.api.endpoints[1].method",
        "$.api.endpoints[1].path",
        "$.capabilites",
        "$.capabilities[0]",
        "$.capabilities[1]",
        "$.config[0].default",
        "$.egress[0]",
        "$.events[0].handler",
        "$.events[0].topic",
        "$.name",
        "$.publisher",
        "$.secrets[0].hosts[0]",
        "$.ui.entry",
        "$.ui.type",
        "$.version",
    ];
    assert_eq!(paths, expected.into_iter().collect(), "{reported:#?}");
    assert!(reported.iter().all(|problem| !problem.fix.is_empty()));
}

#[test]
fn rules_of_manifest_lists_are_checked() {
    let broken = |pointer: &str, value: Value| {
        let mut document = sample();
        *document.pointer_mut(pointer).unwrap() = value;
        problems(&document)
    };
    for (pointer, value, path) in [
        (
            "/optionalCapabilities",
            json!(["cap:storage.kv"]),
            "$.optionalCapabilities[0]",
        ),
        ("/egress", json!(["a.b:80", "a.b:80"]), "$.egress[1]"),
        ("/metrics/0/labels", json!(["a", "a"]), "$.metrics[0].labels"),
        ("/metrics/0/name", json!("Agreements"), "$.metrics[0].name"),
        ("/api/endpoints/0/path", json!("/a/:id"), "$.api.endpoints[0].path"),
        (
            "/ui/hooks",
            json!({ "app menu": { "label": "x" } }),
            "$.ui.hooks.app menu",
        ),
        ("/ui/hooks/appMenu/label", json!(""), "$.ui.hooks.appMenu.label"),
        (
            "/ui/hooks/appMenu/label",
            json!("\u{202e}gnp"),
            "$.ui.hooks.appMenu.label",
        ),
        ("/displayName", json!("a\u{1b}[2J"), "$.displayName"),
        ("/description", json!("a\u{2066}b"), "$.description"),
        (
            "/config/0",
            json!({ "name": "a", "description": "a\u{0}" }),
            "$.config[0].description",
        ),
        (
            "/secrets/0",
            json!({ "name": "a", "description": "a\u{9b}2J" }),
            "$.secrets[0].description",
        ),
        (
            "/metrics/0",
            json!({ "name": "a", "type": "counter", "description": "a".repeat(4_001) }),
            "$.metrics[0].description",
        ),
        ("/assets", json!(["../**"]), "$.assets[0]"),
        ("/sbom", json!("/etc/passwd"), "$.sbom"),
        ("/config/0/default", json!(true), "$.config[0].default"),
        (
            "/config",
            json!(
                (0..101)
                    .map(|number| json!({ "name": format!("key-{number}") }))
                    .collect::<Vec<_>>()
            ),
            "$.config",
        ),
    ] {
        let reported = broken(pointer, value);
        assert!(
            reported.iter().any(|problem| problem.path == path),
            "{pointer}: {reported:#?}"
        );
    }
}

#[test]
fn at_most_a_hundred_manifest_errors_are_reported() {
    let many = |value: Value| vec![value; 20_000];
    let mut document = sample();
    document["egress"] = json!(many(json!("a.b")));
    assert_eq!(problems(&document).len(), 100);
    document["egress"] = json!(many(json!("no host")));
    assert_eq!(problems(&document).len(), 100);
}

/// Returns the JSON pointers of all values in the sample.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    let steps: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.replace('/', "~1"), value))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (step, value) in steps {
        let pointer = format!("{at}/{step}");
        pointers(value, &pointer, into);
        into.push(pointer);
    }
}

proptest! {
    /// With any value replaced by a wrong one, parsing terminates, and each problem has a path, a
    /// rule and a fix.
    #[test]
    fn every_wrong_value_in_a_manifest_is_reported_with_path_and_fix(
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize), 1..6)
    ) {
        let mut document = sample();
        let mut all = Vec::new();
        pointers(&document, "", &mut all);
        for (pick, wrong) in picks {
            if let Some(value) = document.pointer_mut(pick.get(&all).as_str()) {
                *value = [json!([[[]]]), json!({ "unknown field": 1 }), json!(-1.5)][wrong].clone();
            }
        }
        for problem in problems(&document) {
            prop_assert!(problem.path.starts_with('$') && !problem.fix.is_empty() && !problem.rule.is_empty());
        }
    }

    #[test]
    fn a_manifest_survives_writing_and_parsing_unchanged(
        label in "[a-zA-Z ]{1,80}", number in any::<f64>().prop_filter("JSON", |number| number.is_finite()),
        text in "\\PC{0,40}", timeout in 1..u32::MAX, port in 1..u16::MAX
    ) {
        let mut document = sample();
        document["ui"]["hooks"]["appMenu"]["label"] = json!(label);
        document["config"][0]["default"] = json!(number);
        document["description"] = json!(text);
        document["limits"]["timeoutMs"] = json!(timeout);
        document["egress"] = json!([format!("a.example.com:{port}"), "api.example.com:8443"]);
        let manifest = Manifest::parse(document.to_string().as_bytes(), KNOWN).unwrap();
        let written = serde_json::to_vec(&manifest).unwrap();
        prop_assert_eq!(Manifest::parse(&written, KNOWN).unwrap(), manifest);
    }
}

/// serde reads `[64, 1000]` as `{"memoryMb": 64, "timeoutMs": 1000}`; neither the schema nor a
/// reviewer of the manifest does.
#[test]
fn a_json_array_instead_of_an_object_is_rejected_in_manifests() {
    for (field, list) in [
        ("limits", r"[64, 1000]"),
        ("api", r"[[]]"),
        ("ui", r#"["iframe", "ui/index.html", {}]"#),
        ("config", r#"[["key"]]"#),
    ] {
        let text = format!(r#"{{"name":"com.example.a","publisher":"example","version":"1.0.0","{field}":{list}}}"#);
        let error = Manifest::parse(text.as_bytes(), &[]).unwrap_err().to_string();
        assert!(error.contains(&format!("$.{field}")), "{error}");
    }
    assert!(Manifest::parse(br#"[null,"com.example.a","example","1.0.0"]"#, &[]).is_err());
}

/// Manifests that were stored before this rule stay readable; new ones are neither packed nor
/// published.
#[test]
fn an_endpoint_with_a_timeout_of_zero_is_refused() {
    let mut document = sample();
    document["api"]["endpoints"][0]["timeoutMs"] = json!(0);
    let manifest = Manifest::parse(document.to_string().as_bytes(), KNOWN).unwrap();
    let refused = manifest.check_ceilings(&alga_limits::Ceilings::default()).unwrap_err();
    assert!(
        refused.to_string().contains("$.api.endpoints[0].timeoutMs"),
        "{refused}"
    );
}
