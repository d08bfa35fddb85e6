use super::*;

const KNOWN: &[Capability] = &[Capability {
    name: "cap:storage.kv",
    interface: "alga:storage/kv",
    version: (1, 0, 0),
    granted_by_default: false,
    promise: "",
}];

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
fn all_broken_rules_are_told_at_once_with_path_and_fix() {
    let error = parse(
        r#"{"name":"com.example.hello","publisher":"example","version":"1.0.0+x","runtime":"jvm","entry":"../main.wasm",
            "capabilities":["storage.kv","cap:storage.kv","cap:moon.landing"],
            "api":{"endpoints":[{"method":"GET","path":"agreements"},{"method":"GET","path":"/a/:x"},{"method":"GET","path":"/a/:y"}]},
            "config":[{"name":"a b"},{"name":"k"},{"name":"k"}], "limits":{"memoryMb":0}}"#,
    )
    .unwrap_err();
    let ManifestError::Rules(problems) = error else {
        panic!("{error}")
    };
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "$.runtime",
        "$.entry",
        "$.version",
        "$.limits",
        "$.capabilities[1]",
        "$.capabilities[2]",
        "$.api.endpoints[0].path",
        "$.api.endpoints[2].path",
        "$.config[0].name",
        "$.config[2].name",
    ];
    assert_eq!(paths, expected);
    assert!(problems.iter().all(|problem| !problem.fix.is_empty()));
}

#[test]
fn unknown_fields_and_wrong_names_are_told() {
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
            "twice",
        ),
    ] {
        let text = parse(json).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    }
}
