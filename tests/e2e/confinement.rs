//! What code that has escaped from a guest reaches in a confined runner.

use alga_harness::program;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn escape(directory: &Path, settings: &[&str]) -> Map<String, Value> {
    // Another process of the same user, which replaces the key again and again.
    let mut victim = Command::new("sh")
        .args([
            "-c",
            "while sleep 0.01; do cp keys/secrets.key keys/new; mv keys/new keys/secrets.key; done",
        ])
        .current_dir(directory)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let key = directory.join("keys/secrets.key");
    fs::create_dir_all(directory.join("keys")).unwrap();
    fs::write(&key, b"key").unwrap();
    let mut command = Command::new(program("escape"));
    command
        .arg(format!("data={}", directory.join("data").display()))
        .args(
            [
                "secrets_key_file",
                "service_public_keys_file",
                "registry_public_key_file",
            ]
            .map(|setting| format!("{setting}={}", key.display())),
        )
        .args([
            "dev=true",
            "listen=127.0.0.1",
            "port=0",
            "role=runner",
            "database=postgres://a@localhost/a",
            "s3_bucket=b",
        ])
        .arg(format!("victim={}", victim.id()))
        .args(settings)
        .stderr(Stdio::inherit());
    let output = command.output().unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn part(results: &Map<String, Value>, is_needed: bool) -> impl Iterator<Item = (&String, &Value)> {
    results
        .iter()
        .filter(move |(name, _)| name.starts_with("needed") == is_needed)
}

#[test]
fn code_outside_of_the_sandbox_of_guests_reaches_nothing_but_the_cache_and_sockets() {
    let directory = TempDir::new().unwrap();
    let results = escape(directory.path(), &["confine=required", "compiler="]);
    for (attempt, result) in part(&results, false) {
        // EPERM, EACCES, EXDEV for a link from another directory tree, and ENOSYS for `clone3`.
        assert!(
            [1, 13, 18, 38].contains(&result.as_i64().unwrap_or_default()),
            "{attempt}: {result}"
        );
    }
    for (attempt, result) in part(&results, true) {
        assert_eq!(result, "done", "{attempt}");
    }
    // The attempts are real: without confinement, most of them succeed, or fail for another reason.
    let control = TempDir::new().unwrap();
    let free = escape(control.path(), &["confine=off", "compiler="]);
    for attempt in [
        "read passwd",
        "list root",
        "write outside",
        "execute",
        "execute own file",
        "listen",
        "listen on unix",
        "signal victim",
        "netlink socket",
        "execute loader",
        "unix socket",
        "clone into namespace",
        "limits of victim",
        "niceness of victim",
        "shared memory",
    ] {
        assert_eq!(free[attempt], "done", "{attempt}");
    }
}

#[test]
fn a_process_with_a_compiler_starts_that_program_and_no_other() {
    let directory = TempDir::new().unwrap();
    let compiler = format!("compiler={}", program("alga-compiler").display());
    let results = escape(directory.path(), &["confine=required", &compiler]);
    assert_eq!(results["compiler"], "done");
    for attempt in [
        "execute",
        "execute own file",
        "listen",
        "read passwd",
        "signal victim",
        "unix socket",
    ] {
        assert!(
            [1, 13].contains(&results[attempt].as_i64().unwrap_or_default()),
            "{attempt}"
        );
    }
}
