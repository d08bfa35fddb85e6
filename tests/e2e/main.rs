//! Journeys over real sockets, with the programs that users run.

mod agreements;
mod canary;
mod clock;
mod confinement;
mod crash;
mod crash_points;
mod crash_postgres;
mod crash_start;
mod dev;
mod doctor;
mod edge;
mod exhausted;
mod faults;
mod guest_threads;
mod guides;
mod javascript;
mod keyless;
mod keys;
mod large_components;
mod logs;
mod memory;
mod oci;
mod openapi;
mod operator;
mod pages;
mod platform;
mod profile;
mod python;
mod quarantine;
mod quotas;
mod records;
mod roles;
mod stopping;
mod testing;
mod upgrade;
mod watchdog;

use alga_harness::{Server, hello_project, program, root, target};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn alga(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("alga"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("ALGA_SDK", root().join("guest-sdk"))
        .env("ALGA_TOOLCHAIN_CACHE", target());
    command.output().unwrap()
}

fn done(directory: &Path, arguments: &[&str]) -> String {
    let output = alga(directory, arguments);
    assert!(
        output.status.success(),
        "alga {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn hello_in(directory: &Path) -> PathBuf {
    hello_project(directory);
    done(directory, &["keygen", "--publisher", "example"]);
    done(directory, &["pack"]);
    done(directory, &["sign"]);
    directory.to_path_buf()
}

/// Starts a server that trusts a new key, and has nothing published.
fn empty_server() -> (TempDir, Server) {
    let directory = TempDir::new().unwrap();
    done(directory.path(), &["keygen", "--publisher", "example"]);
    let server = Server::start(directory.path());
    (directory, server)
}

/// Publishes the project in this directory and installs it for a tenant.
fn publish_and_install(directory: &Path, server: &Server, tenant: &str) {
    let at = ["--server", server.address()];
    done(directory, &[&["publish"][..], &at].concat());
    done(directory, &[&["install", "--tenant", tenant][..], &at].concat());
}

#[test]
fn acknowledged_changes_survive_a_stop_and_a_kill() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    let at = ["--server", server.address()];
    done(&directory, &[&["publish"][..], &at].concat());
    drop(server);
    let server = Server::start(&directory);
    let at = ["--server", server.address()];
    done(&directory, &[&["install", "--tenant", "demo"][..], &at].concat());
    assert!(server.terminate().success());
    let server = Server::start(&directory);
    let reply = done(
        &directory,
        &["call", "com.example.hello/hello/again", "--server", server.address()],
    );
    assert_eq!(reply.trim(), r#"{"message":"Hello, again!"}"#);
}

#[test]
fn a_caller_with_a_token_of_another_tenant_finds_nothing() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    publish_and_install(&directory, &server, "acme");
    let token = |tenant: &str| done(&directory, &["token", "--tenant", tenant]).trim().to_owned();
    let call = |token: &str| {
        alga(
            &directory,
            &[
                "call",
                "com.example.hello/hello",
                "--token",
                token,
                "--server",
                server.address(),
            ],
        )
    };
    assert!(call(&token("acme")).status.success());
    let refused = call(&token("other"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("extension_not_available"));
}

/// Every response of every part of the platform has `nosniff`, errors included (B20).
#[test]
fn all_responses_forbid_content_sniffing() {
    let (_directory, server) = empty_server();
    for target in [
        "GET /healthz",
        "GET /nowhere",
        "DELETE /healthz",
        "POST /v1/execute",
        "GET /v1/registry/audit",
        "GET /api/ext/com.example.hello/",
    ] {
        let reply = server.raw(format!("{target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes());
        assert!(reply.contains("x-content-type-options: nosniff"), "{target}: {reply}");
    }
}

#[test]
fn ambiguously_framed_requests_cannot_smuggle_a_second_request() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    for request in [
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /readyz HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello",
        "GET /healthz\u{0} HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let response = server.raw(request.as_bytes());
        assert!(response.matches("HTTP/1.1 200").count() <= 1, "{request:?}: {response}");
    }
    assert!(
        server
            .raw(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .contains("200 OK")
    );
}
