//! The real server, killed at every durable step of publish, install and uninstall: at the first,
//! second, third … call of each system call that writes, syncs, names or sends, as strace injects
//! it. The code does not cooperate, so no step can be missed.
//!
//! After each kill and restart, what was acknowledged exists, what was not is complete or absent,
//! and repeating the request succeeds.

use crate::crash::{is_whole, prepared, release};
use crate::faults::Faults;
use crate::operator::Operator;
use alga_bundle::InstallStatus;
use alga_harness::{Release, Reply, Server, rounds, tenant_id};
use alga_registry_types::{Install, InstallRequest, Operation, audit_after, show_install, uninstall, verify_audit};
use alga_signing::SigningKey;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// System calls by which something becomes durable: files of the object store and of SQLite, and
/// data sent to Postgres.
const CALLS: [&str; 9] = [
    "fsync",
    "fdatasync",
    "pwrite64",
    "write,writev",
    "linkat,link",
    "renameat,rename,renameat2",
    "unlink,unlinkat",
    "ftruncate",
    "sendto",
];
/// Highest call number that is tested in one scenario.
const LAST: u64 = 200;

#[derive(Default)]
struct Acknowledged {
    publish: bool,
    /// Id of the acknowledged install.
    install: Option<String>,
    uninstall: bool,
}

/// Publishes, installs and uninstalls until the server exits; returns true if it was killed.
fn scenario(operator: &Operator, release: &Release) -> (Acknowledged, bool) {
    let mut acknowledged = Acknowledged {
        publish: done(operator.publish(release)).is_some(),
        ..Acknowledged::default()
    };
    if acknowledged.publish {
        let installed = done(operator.install(&install_request(release)));
        acknowledged.install = installed.map(|install| install.id.to_string());
    }
    if acknowledged.install.is_some() {
        acknowledged.uninstall = done(operator.operate(&uninstalling(release))).is_some();
    }
    let was_killed = !acknowledged.uninstall;
    (acknowledged, was_killed)
}

/// Returns the body of a reply, which must be successful; none if the server exited.
fn done<R: DeserializeOwned>(reply: Option<Reply<R>>) -> Option<R> {
    reply.map(|reply| reply.ok())
}

fn install_request(release: &Release) -> InstallRequest {
    InstallRequest {
        config: BTreeMap::from([("greeting".to_owned(), release.version.clone())]),
        ..release.install_request(&[])
    }
}

fn uninstalling(release: &Release) -> Operation<()> {
    uninstall(&tenant_id("demo"), &release.name)
}

/// Kills the server once and checks the state after a restart; returns false if the call was not
/// made that often.
fn kill_at(directory: &Path, key: &SigningKey, number: u64, calls: &str, count: u64) -> bool {
    let release = release(key, number);
    let server = Server::start(directory);
    let operator = Operator::of(directory, &server);
    let injection = Faults::attach(&server, calls, &format!("signal=SIGKILL:when={count}"));
    let (acknowledged, was_killed) = scenario(&operator, &release);
    drop(injection);
    drop(server);
    let server = Server::start(directory);
    check(directory, &Operator::of(directory, &server), &release, &acknowledged);
    assert!(server.terminate().success(), "{calls} {count}");
    was_killed
}

fn check(directory: &Path, operator: &Operator, release: &Release, acknowledged: &Acknowledged) {
    // The published version.
    match operator.version(release) {
        Some(row) => is_whole(directory, &row, release),
        None => assert!(!acknowledged.publish, "an acknowledged publish is missing"),
    }
    // The install: complete or absent, as acknowledged.
    let shown = operator
        .operate(&show_install(&tenant_id("demo"), &release.name))
        .unwrap();
    match shown.status.as_u16() {
        200 => {
            let install: Install = shown.ok();
            assert!(!acknowledged.uninstall, "an acknowledged uninstall did not happen");
            assert_eq!(
                (install.config.get("greeting"), install.status),
                (Some(&release.version), InstallStatus::Enabled)
            );
        }
        // Absent although acknowledged: only if the uninstall, which was requested next, happened
        // and could not be acknowledged.
        _ => {
            let is_uninstalled = |id: &String| log(operator).contains(&("install.uninstall".to_owned(), id.clone()));
            assert!(
                acknowledged.install.as_ref().is_none_or(is_uninstalled),
                "an acknowledged install is missing"
            );
        }
    }
    // The audit log: its chain is intact, and it matches the state.
    assert_eq!(operator.operate(&verify_audit()).unwrap().ok().broken_at, None);
    // Repeating the requests succeeds.
    operator.publish(release).unwrap().ok();
    operator.install(&install_request(release)).unwrap().ok();
    assert_eq!(
        operator.visit(&format!("/api/ext/{}/", release.name)).unwrap().status,
        200,
        "it executes"
    );
    assert_eq!(operator.operate(&uninstalling(release)).unwrap().status, 204);
    // No staging files of completed requests remain.
    let staged: Vec<_> = fs::read_dir(directory.join("alga-data/staging"))
        .unwrap()
        .flatten()
        .collect();
    assert!(staged.is_empty(), "{staged:?}");
    let counts = ["install.install", "install.uninstall"]
        .map(|wanted| log(operator).iter().filter(|(action, _)| action == wanted).count());
    assert!(counts[0] >= counts[1], "more uninstalls than installs: {counts:?}");
}

/// Returns action and subject of every audit entry.
fn log(operator: &Operator) -> Vec<(String, String)> {
    let (mut entries, mut after) = (Vec::new(), 0);
    loop {
        let page = operator.operate(&audit_after(after)).unwrap().ok().entries;
        let Some(last) = page.last() else { return entries };
        after = last.sequence;
        entries.extend(page.into_iter().map(|entry| (entry.action, entry.subject)));
    }
}

/// The short form tests the first calls of each kind and then ever fewer of them; the long form
/// tests all.
#[test]
fn acknowledged_changes_survive_a_kill_at_any_durable_system_call() {
    let (directory, key) = prepared();
    let is_long = rounds(0) > 0;
    let (mut number, mut kills) = (0, 0);
    for calls in CALLS {
        let mut count = 1;
        let before = kills;
        while count <= LAST {
            if !kill_at(&directory, &key, number, calls, count) {
                break;
            }
            (number, kills) = (number + 1, kills + 1);
            count += if is_long { 1 } else { count.div_ceil(2) };
        }
        number += 1;
        println!("{calls}: {} kills", kills - before);
    }
    assert!(kills >= 8, "too few kills by strace: {kills}");
    fs::remove_dir_all(directory).unwrap();
}
