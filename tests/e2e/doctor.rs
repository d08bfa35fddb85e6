//! `alga doctor` examines a deployment, changes nothing, and names a remedy for each fault.

use alga_harness::{S3, fresh_database, program};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

struct Examined {
    status: Option<i32>,
    /// State, text and remedy by subject.
    findings: BTreeMap<String, [String; 3]>,
}

impl Examined {
    fn state(&self, subject: &str) -> &str {
        &self.findings[subject][0]
    }
}

fn examine(directory: &Path, settings: &[(&str, &str)]) -> Examined {
    let flags = settings
        .iter()
        .flat_map(|(key, value)| [format!("--{}", key.replace('_', "-")), (*value).to_owned()]);
    let output = Command::new(program("alga"))
        .args(["doctor", "--dev", "--json"])
        .args(flags)
        .current_dir(directory)
        .output()
        .unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = findings.iter().map(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (text("subject"), [text("state"), text("text"), text("remedy")])
    });
    Examined {
        status: output.status.code(),
        findings: findings.collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_examined_and_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let s3 = S3::start().await;
    let database = fresh_database();
    let mut settings = s3.settings();
    settings.extend(database.clone().map(|url| ("database".to_owned(), url)));
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let examined = examine(directory.path(), &settings);
    assert_eq!(examined.status, Some(0), "{:?}", examined.findings);
    for subject in ["object store", "compiler", "pool", "open files", "names of other hosts"] {
        assert_eq!(examined.state(subject), "good", "{:?}", examined.findings);
    }
    if database.is_some() {
        assert!(
            examined.findings["database"][1].contains("it is empty"),
            "{:?}",
            examined.findings
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn every_fault_of_a_deployment_is_found_at_once_with_its_remedy() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("keys.json"), "{\"keys\":[]}").unwrap();
    let examined = examine(
        directory.path(),
        &[
            ("database", "postgres://alga@127.0.0.1:1/alga"),
            ("s3_bucket", "alga"),
            ("s3_endpoint", "http://127.0.0.1:1"),
            ("s3_access_key", "a"),
            ("s3_secret_key", "b"),
            ("compiler", "/no/such/compiler"),
            ("oidc_issuer", "https://id.example.com"),
            ("oidc_audience", "alga"),
            ("oidc_jwks", "keys.json"),
            ("connections", "100000000"),
            ("egress_allowlist", "no-such-host.invalid"),
            ("traces_endpoint", "http://127.0.0.1:1"),
        ],
    );
    assert_eq!(examined.status, Some(1));
    let failed = [
        "database",
        "object store",
        "compiler",
        "keys of the OpenID provider",
        "open files",
        "collector of traces",
    ];
    for subject in failed {
        let [state, text, remedy] = &examined.findings[subject];
        assert_eq!(state, "failed", "{subject}: {text}");
        assert!(!remedy.is_empty(), "{subject}");
    }
    assert_eq!(examined.state("names of other hosts"), "warning");
}
