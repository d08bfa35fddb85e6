//! An operator's journey through an upgrade, with the `alga` command.

use super::{alga, done, hello_in};
use alga_harness::Server;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const NAME: &str = "com.example.hello";

/// Prepares the next version in this directory, which may also call a host.
fn prepare_1_1_0(directory: &Path) {
    let manifest = fs::read_to_string(directory.join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["version"] = "1.1.0".into();
    manifest["egress"] = serde_json::json!(["api.example.com"]);
    fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
    done(directory, &["pack"]);
    done(directory, &["sign"]);
}

#[test]
fn an_operator_upgrades_with_consent_rolls_back_and_reads_the_audit_log() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    let at = |arguments: &[&str]| done(&directory, &[arguments, &["--server", server.address()]].concat());
    let first: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(directory.join("manifest.json")).unwrap()).unwrap();
    let first = format!("{NAME}@{}", first["version"].as_str().unwrap());
    at(&["publish"]);
    at(&["install", "--tenant", "demo"]);
    prepare_1_1_0(&directory);
    at(&["publish"]);
    let waits = at(&["installs", "upgrade", &format!("{NAME}@1.1.0"), "--tenant", "demo"]);
    assert!(
        waits.contains("egress: api.example.com") && waits.contains("waits for consent"),
        "{waits}"
    );
    let consented = at(&["installs", "consent", &format!("{NAME}@1.1.0"), "--tenant", "demo"]);
    assert!(consented.contains("1.1.0 (enabled)"), "{consented}");
    let egress_after = |options: &[&str]| {
        let set = [&["--json", "installs", "set-terms", NAME, "--tenant", "demo"], options].concat();
        let install: serde_json::Value = serde_json::from_str(&at(&set)).unwrap();
        install["egress"].clone()
    };
    assert_eq!(egress_after(&["--no-egress"]), serde_json::json!([]));
    assert_eq!(egress_after(&[]), serde_json::json!(["api.example.com"]));
    let back = at(&["installs", "rollback", NAME, "--tenant", "demo"]);
    assert!(back.contains("(enabled)") && !back.contains("1.1.0"), "{back}");
    at(&["versions", "revoke", &first, "--reason", "a hole"]);
    let refused = alga(
        &directory,
        &["call", &format!("{NAME}/hello"), "--server", server.address()],
    );
    assert!(String::from_utf8_lossy(&refused.stderr).contains("version_revoked"));
    let log = at(&["audit"]);
    assert_eq!(log.lines().count(), 9, "{log}");
    assert!(at(&["audit", "--verify"]).starts_with("9 entries with a valid hash chain"));
    at(&["installs", "uninstall", NAME, "--tenant", "demo"]);
    assert_eq!(at(&["installs", "list", "--tenant", "demo"]).trim(), "");
}
