//! Releases as OCI artifacts, through a real registry.

use crate::{alga, done, hello_in};
use alga_harness::OciRegistry;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Creates a directory with the hello example, packed and signed.
fn signed() -> TempDir {
    let directory = TempDir::new().unwrap();
    hello_in(directory.path());
    directory
}

fn push(directory: &Path, registry: &OciRegistry) -> Value {
    let reference = format!("{}/acme/hello:1.0.0", registry.host());
    serde_json::from_str(&done(directory, &["push", "--json", "--plain-http", &reference])).unwrap()
}

fn refused(directory: &Path, arguments: &[&str]) -> String {
    let output = alga(directory, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_release_is_pushed_pulled_by_digest_and_verifies() {
    let (registry, author, user) = (OciRegistry::start(), signed(), TempDir::new().unwrap());
    let pushed = push(author.path(), &registry);
    assert_eq!(
        push(author.path(), &registry),
        pushed,
        "the same release is the same artifact"
    );
    let reference = pushed["reference"].as_str().unwrap();
    done(user.path(), &["pull", "--plain-http", reference]);
    for file in ["dist/bundle.tar.zst", "dist/bundle.sigs.json"] {
        assert_eq!(
            fs::read(user.path().join(file)).unwrap(),
            fs::read(author.path().join(file)).unwrap()
        );
    }
    fs::copy(author.path().join("trust.json"), user.path().join("trust.json")).unwrap();
    assert!(done(user.path(), &["verify"]).contains("is verified"));
    let manifest: Value =
        serde_json::from_slice(&fs::read(registry.blob(pushed["digest"].as_str().unwrap())).unwrap()).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.alga.extension.v1");
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.title"],
        "com.example.hello"
    );
}

#[test]
fn a_tag_is_not_pulled_and_the_error_names_its_digest() {
    let (registry, author) = (OciRegistry::start(), signed());
    let pushed = push(author.path(), &registry);
    let tag = format!("{}/acme/hello:1.0.0", registry.host());
    for over_tls in [&["push", &tag][..], &["pull", &tag]] {
        let reported = refused(author.path(), over_tls);
        assert!(
            reported.contains("pass --plain-http to connect without TLS"),
            "{reported}"
        );
    }
    let reported = refused(
        author.path(),
        &["pull", "--plain-http", "--out", "got/bundle.tar.zst", &tag],
    );
    assert!(
        reported.contains("tags can move") && reported.contains(pushed["reference"].as_str().unwrap()),
        "{reported}"
    );
    assert!(!author.path().join("got").exists());
}

/// The registry, or an attacker who controls it, changes the stored blobs.
#[test]
fn blobs_changed_by_the_oci_registry_are_refused_and_not_written() {
    let (registry, author) = (OciRegistry::start(), signed());
    let pushed = push(author.path(), &registry);
    let reference = pushed["reference"].as_str().unwrap();
    let bundle = alga_bundle::Digest::of(&fs::read(author.path().join("dist/bundle.tar.zst")).unwrap()).to_string();
    let manifest = pushed["digest"].as_str().unwrap().to_owned();
    for digest in [bundle, manifest] {
        let path = registry.blob(&digest);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        for changed in [bad, good[..middle].to_vec(), Vec::new()] {
            fs::write(&path, changed).unwrap();
            refused(
                author.path(),
                &["pull", "--plain-http", "--out", "got/bundle.tar.zst", reference],
            );
            assert!(!author.path().join("got").exists());
        }
        fs::write(&path, good).unwrap();
    }
    let absent = format!("{}/acme/hello@sha256:{}", registry.host(), "0".repeat(64));
    refused(author.path(), &["pull", "--plain-http", &absent]);
    done(
        author.path(),
        &["pull", "--plain-http", "--out", "got/bundle.tar.zst", reference],
    );
}

#[test]
fn unreachable_registries_and_invalid_references_are_reported() {
    let author = signed();
    assert!(refused(author.path(), &["push", "--plain-http", "127.0.0.1:1/acme/hello:1"]).contains("could not push"));
    assert!(refused(author.path(), &["push", "Not A Reference"]).contains("is not an OCI reference"));
}
