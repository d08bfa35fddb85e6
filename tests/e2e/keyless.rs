//! From an empty directory to a response without a signing key of one's own; the private sigstore
//! does what `cosign sign-blob` does.

use crate::done;
use alga_harness::{Server, Sigstore, hello_project};
use std::fs;
use tempfile::TempDir;

const ISSUER: &str = "https://accounts.example.test";
const IDENTITY: &str = "you@example.com";

#[test]
fn a_keyless_publisher_packs_signs_publishes_and_calls_an_extension() {
    let (directory, sigstore) = (TempDir::new().unwrap(), Sigstore::new());
    let at = directory.path();
    hello_project(at);
    fs::write(at.join("trusted_root.json"), sigstore.trusted_root().to_string()).unwrap();
    done(at, &["pack"]);
    done(at, &["sign", "--message", "release.bin"]);
    sigstore.sign_release(at, ISSUER, IDENTITY);
    done(at, &["sign", "--sigstore-bundle", "release.sigstore.json"]);
    done(at, &["trust", "sigstore-root", "trusted_root.json"]);
    done(
        at,
        &[
            "trust",
            "identity",
            "--publisher",
            "example",
            "--issuer",
            ISSUER,
            "--identity",
            IDENTITY,
        ],
    );
    assert!(done(at, &["verify"]).contains("signed by keyless public"));
    let server = Server::start(at);
    for command in [
        &["publish"][..],
        &["install", "--tenant", "demo"],
        &["call", "com.example.hello/hello/you"],
    ] {
        let output = done(at, &[command, &["--server", server.address()]].concat());
        assert!(command[0] != "call" || output.contains("Hello, you!"), "{output}");
    }
}
