//! `alga doctor` examines a deployment, changes nothing, and names a remedy for each fault.

use alga_harness::{S3, Server, ServerOptions, fresh_database, program, query};
use alga_signing::{SigningKey, TrustFile};
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

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_that_ignores_conditions_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let s3 = S3::without_conditions().await;
    let settings = s3.settings();
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let examined = examine(directory.path(), &settings);
    assert_eq!(examined.status, Some(1));
    let [state, text, remedy] = &examined.findings["object store"];
    assert_eq!(state, "failed", "{text}");
    assert!(text.contains("creates an object that exists"), "{text}");
    assert!(!remedy.is_empty(), "{text}");
}

#[test]
fn every_fault_of_a_deployment_is_found_at_once_with_its_remedy_and_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("keys.json"), "{\"keys\":[]}").unwrap();
    let examined = examine(
        directory.path(),
        &[
            ("data", "/dev/null/data"),
            ("database", "postgres://alga:topsecret@127.0.0.1:1/alga"),
            ("s3_bucket", "alga"),
            ("s3_endpoint", "http://user:topsecret@127.0.0.1:1"),
            ("s3_access_key", "AKIDTOPSECRET"),
            ("s3_secret_key", "topsecret"),
            ("trust_bundle", "{}"),
            ("compiler", "/no/such/compiler"),
            ("oidc_issuer", "https://id.example.com"),
            ("oidc_audience", "alga"),
            ("oidc_jwks", "keys.json"),
            ("connections", "100000000"),
            ("egress_allowlist", "no-such-host.invalid,pinned.invalid"),
            ("egress_exceptions", "pinned.invalid:443=10.1.2.3"),
            ("egress_authorities", "/no/such/authorities.pem"),
            ("traces_endpoint", "http://user:topsecret@127.0.0.1:1"),
        ],
    );
    assert_eq!(examined.status, Some(1));
    let failed = [
        "data directory",
        "files of settings",
        "trust bundle",
        "database",
        "object store",
        "compiler",
        "keys of the OpenID provider",
        "open files",
    ];
    for subject in failed {
        let [state, text, remedy] = &examined.findings[subject];
        assert_eq!(state, "failed", "{subject}: {text}");
        assert!(!remedy.is_empty(), "{subject}");
    }
    for subject in ["names of other hosts", "collector of traces"] {
        assert_eq!(examined.state(subject), "warning");
    }
    assert_eq!(
        examined.findings["names of other hosts"][1],
        "not resolved: no-such-host.invalid"
    );
    for (subject, [_, text, _]) in &examined.findings {
        assert!(!text.to_lowercase().contains("topsecret"), "{subject}: {text}");
    }
}

#[test]
fn a_gateway_is_examined_for_what_it_needs() {
    let directory = tempfile::tempdir().unwrap();
    let settings = [
        ("role", "gateway"),
        ("database", "postgres://alga@127.0.0.1:1/alga"),
        ("runner_base_url", "http://127.0.0.1:1,http://127.0.0.1:2"),
        ("pool", "8000"),
    ];
    let examined = examine(directory.path(), &settings);
    assert_eq!(examined.state("runner"), "failed", "no runner accepts connections");
    for subject in ["pool", "memory mappings", "object store", "compiler"] {
        assert!(!examined.findings.contains_key(subject), "{subject}");
    }
}

#[test]
fn migrations_that_a_start_would_apply_or_refuse_are_reported() {
    // Only a Postgres is examined.
    let Some(url) = fresh_database() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (key, options) = (SigningKey::generate().unwrap(), ServerOptions::default());
    let trust = TrustFile::of(&"example".parse().unwrap(), &key).unwrap();
    std::fs::write(directory.path().join("trust.json"), trust.to_json().unwrap()).unwrap();
    std::fs::write(directory.path().join("alga.toml"), format!("database = {url:?}\n")).unwrap();
    drop(Server::start_with(directory.path(), &options));
    let database = || examine(directory.path(), &[("database", &url)]).findings["database"].clone();
    for (statement, state, text) in [
        ("SELECT 1", "good", "no migration is pending"),
        (
            "DELETE FROM _sqlx_migrations WHERE version = 19",
            "good",
            "1 migrations are pending",
        ),
        (
            "UPDATE _sqlx_migrations SET success = false WHERE version = 18",
            "failed",
            "migration 18 has failed halfway",
        ),
        (
            "UPDATE _sqlx_migrations SET success = true, version = 99999 WHERE version = 18",
            "failed",
            "a newer program has applied migration 99999",
        ),
    ] {
        query(&url, statement);
        let [found, description, _] = database();
        assert_eq!(found, state, "{description}");
        assert!(description.contains(text), "{description}");
    }
}
