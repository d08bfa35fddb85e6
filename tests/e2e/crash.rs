//! The real server, killed at any moment while releases are published. Every acknowledged release
//! exists completely afterwards.
//!
//! The seed that the test prints determines the moment; a failed round leaves its directory behind.

use crate::operator::Operator;
use alga_harness::{Release, Server, component, rounds};
use alga_registry_types::VersionDetails;
use alga_signing::{SigningKey, TrustFile};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Longest time from the first response to the kill.
const LONGEST_MICROSECONDS: u64 = 120_000;
/// Number of newest releases that are checked after every kill; in a long campaign, checking all
/// would make each round slower than the previous one.
const CHECKED: u64 = 50;
const NAME: &str = "com.example.crash";

pub(crate) fn release(key: &SigningKey, number: u64) -> Release {
    let manifest = Release::manifest(NAME, &format!("1.0.{number}"), &[]);
    Release::new(key, &manifest, &component("answers_ok"))
}

/// Returns a different value for each round of a seed (xorshift64).
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Asserts that the version names the hash of the release and that the bundle is stored under that
/// hash.
pub(crate) fn is_whole(directory: &Path, version: &VersionDetails, release: &Release) {
    let hash = release.content_hash();
    assert_eq!(version.content_hash, hash);
    let stored = directory.join("alga-data/bundles/sha256").join(hash.to_hex());
    assert_eq!(fs::read(stored.join("bundle.tar.zst")).unwrap(), release.bundle);
    assert_eq!(fs::read(stored.join("bundle.sigs.json")).unwrap(), release.signatures);
}

/// Creates a directory to serve from, and a key that is trusted there.
pub(crate) fn prepared() -> (PathBuf, Arc<SigningKey>) {
    let directory = TempDir::new().unwrap().keep();
    let key = Arc::new(SigningKey::generate().unwrap());
    let trust = TrustFile::of(&"example".parse().unwrap(), &key)
        .unwrap()
        .to_json()
        .unwrap();
    fs::write(directory.join("trust.json"), trust).unwrap();
    (directory, key)
}

#[test]
fn acknowledged_publishes_survive_a_server_kill_at_any_moment() {
    let (directory, key) = prepared();
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut seed = u64::try_from(started.as_nanos()).unwrap_or(1) | 1;
    println!("seed {seed}, directory {}", directory.display());
    let mut acknowledged = BTreeSet::new();
    let mut number = 0;
    for round in 0..rounds(5) {
        let mut server = Server::start(&directory);
        let operator = Operator::of(&directory, &server);
        let first = number;
        let (sender, receiver) = channel();
        let publisher = {
            let key = Arc::clone(&key);
            thread::spawn(move || {
                for number in first.. {
                    let status = operator
                        .publish(&release(&key, number))
                        .map(|reply| reply.status.as_u16());
                    if sender.send((number, status)).is_err() || status.is_none() {
                        return;
                    }
                }
            })
        };
        // The first response arrives before the kill timer starts, so that every round has requests
        // in progress.
        let mut responses = vec![receiver.recv().unwrap()];
        thread::sleep(Duration::from_micros(next(&mut seed) % LONGEST_MICROSECONDS));
        server.kill();
        publisher.join().unwrap();
        responses.extend(receiver.iter());
        number = responses.last().unwrap().0 + 1;
        acknowledged.extend(
            responses
                .iter()
                .filter(|(_, status)| status.is_some_and(|status| status < 300))
                .map(|(number, _)| *number),
        );
        check(&directory, &key, &acknowledged, number, round);
    }
    fs::remove_dir_all(directory).unwrap();
}

/// Checks the state after a restart: every acknowledged release is complete, every other one is
/// complete or absent, and publishing it again succeeds.
fn check(directory: &Path, key: &SigningKey, acknowledged: &BTreeSet<u64>, next: u64, round: u64) {
    let server = Server::start(directory);
    let operator = Operator::of(directory, &server);
    let first = next.saturating_sub(CHECKED);
    for number in first..next {
        let release = release(key, number);
        match operator.version(&release) {
            Some(row) => is_whole(directory, &row, &release),
            None => assert!(
                !acknowledged.contains(&number),
                "round {round}: {number} was acknowledged and is missing"
            ),
        }
        let again = operator.publish(&release).map(|reply| reply.status.as_u16());
        let expected = if acknowledged.contains(&number) {
            &[200][..]
        } else {
            &[200, 201]
        };
        assert!(
            again.is_some_and(|status| expected.contains(&status)),
            "round {round}: {number} {again:?}"
        );
        let row = operator.version(&release).unwrap();
        is_whole(directory, &row, &release);
    }
    assert!(server.terminate().success());
}
