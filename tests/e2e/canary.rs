//! A secret passes through a whole platform and is then searched for everywhere: in the log at its
//! most verbose level, in metrics, in responses, in the database and every other file, and in the
//! directory left after the process is aborted. Other users cannot read the memory of the process.

use crate::platform::{Guest, Platform};
use alga_harness::{MockServer, ServerOptions};
use serde_json::json;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Unprivileged user `nobody`.
const UNPRIVILEGED: u32 = 65534;

/// 32 bytes that occur nowhere else.
const CANARY: &str = "canary-7f3a9c51e8d24b06a1c7-of-acme";

fn files(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

fn holds(bytes: &[u8]) -> bool {
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("alga:{CANARY}"));
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    contains(CANARY.as_bytes()) || contains(base64.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_appears_only_where_it_is_used() {
    let outside = MockServer::start().await;
    let platform = Platform::start(
        &outside,
        &ServerOptions {
            log: "trace",
            ..ServerOptions::default()
        },
    );
    let hosts = json!([outside.origin()]);
    let manifest = json!({
        "egress": hosts, "metrics": [{ "name": "calls", "type": "counter", "labels": ["kind"] }],
        "secrets": [{ "name": "api-key", "hosts": hosts }, { "name": "elsewhere" }, { "name": "not-set" }],
    });
    let seen_by_operator = |path: &str| platform.operator().get(path).unwrap().text();
    let mut responses = Vec::new();
    for (guest, capabilities) in [
        ("secrets_works", &["cap:secrets.get", "cap:http.fetch"][..]),
        ("reveal_works", &["cap:secrets.reveal"]),
    ] {
        let guest = Guest::new(guest).grants(capabilities).fields(manifest.clone());
        let guest = guest.secret("api-key", CANARY).secret("elsewhere", CANARY);
        let name = platform.install(&guest.greeting(outside.origin()));
        responses.push(platform.call(&name, "/"));
        // Failures must not reveal more: a malformed request, and one that fails.
        responses.push(platform.call(&name, "/%00"));
        responses.push(seen_by_operator(&format!("/v1/registry/tenants/demo/installs/{name}")));
    }
    assert!(
        responses[0].contains("what_the_guest_sees") && responses[3].contains("\"bytes\":35"),
        "{responses:?}"
    );
    responses.push(seen_by_operator("/metrics"));
    responses.push(seen_by_operator("/v1/registry/audit"));
    for response in &responses {
        assert!(!holds(response.as_bytes()), "{response}");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/limits", platform.id())).unwrap();
    let core = status
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap()
        .to_owned();
    let limits: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(limits, ["0", "0"], "soft and hard: {core}");
    let directory = platform.abort();
    let mut found = Vec::new();
    files(directory.path(), &mut found);
    assert!(
        found.iter().any(|path| path.ends_with("server.log")) && found.len() > 10,
        "{found:?}"
    );
    let log = std::fs::read_to_string(directory.path().join("server.log")).unwrap();
    assert!(log.contains("TRACE"), "the log was not at its most talkative");
    for path in found {
        assert!(!holds(&std::fs::read(&path).unwrap()), "{}", path.display());
    }
}

/// Another process of the same user cannot read the memory of the platform. If the test runs as
/// root, both processes run as another user, because root may read any memory.
#[tokio::test(flavor = "multi_thread")]
async fn other_processes_cannot_read_the_memory_of_the_server() {
    let outside = MockServer::start().await;
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let options = ServerOptions {
        user: is_root.then_some(UNPRIVILEGED),
        ..ServerOptions::default()
    };
    let platform = Platform::start(&outside, &options);
    let look = |file: &str, pid: u32| {
        let mut command = Command::new("head");
        command.args(["-c", "1", &format!("/proc/{pid}/{file}")]);
        if is_root {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    // Control: an unprotected process of the same user can be read.
    let mut other = Command::new("sleep");
    if is_root {
        other.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    let mut other = other.arg("600").spawn().unwrap();
    for file in ["environ", "maps", "mem"] {
        assert!(look(file, platform.id()).contains("Permission denied"), "{file}");
        assert!(!look(file, other.id()).contains("Permission denied"), "{file}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
}
