//! `alga profile`: samples of an install's code, as an operator gets them, and the names of its
//! functions.

use crate::platform::Platform;
use crate::{alga, done, publish_and_install};
use alga_harness::{MockServer, Server, ServerOptions, program};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Computes for some milliseconds, then returns without a response.
const COMPUTES: &str = r#"
    (func $computes (local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 20000000)))))
    (func (export "handle") (param i32 i32) (call $computes))"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_writes_a_profile_and_names_the_functions_with_most_samples() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let name = platform.install_handler("com.example.computes", COMPUTES);
    let alga = |output: &str| {
        let mut command = Command::new(program("alga"));
        command
            .args([
                "profile",
                &name,
                "--tenant",
                "demo",
                "--seconds",
                "2",
                "--output",
                output,
            ])
            .args(["--server", platform.address(), "--json"])
            .current_dir(platform.directory())
            .stdout(Stdio::piped());
        command
    };
    let mut profiler = alga("profile.json").spawn().unwrap();
    while profiler.try_wait().unwrap().is_none() {
        platform.call(&name, "/");
    }
    let output = profiler.wait_with_output().unwrap();
    assert!(output.status.success());
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["executions"].as_u64().unwrap() > 0, "{summary}");
    assert_eq!(summary["functions"][0][0], "computes", "{summary}");
    let file = fs::read(platform.directory().join("profile.json")).unwrap();
    let profile: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(
        profile["meta"]["product"], "com.example.computes",
        "{}",
        profile["meta"]
    );
    // A file that cannot be written is an error before the profile is recorded.
    let refused = alga("absent/profile.json").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn perf_finds_the_functions_of_extensions_of_a_confined_process() {
    let outside = MockServer::start().await;
    let options = ServerOptions {
        variables: &[("ALGA_PERF", "true"), ("ALGA_CONFINE", "required")],
        ..ServerOptions::default()
    };
    let platform = Platform::start(&outside, &options);
    let name = platform.install_handler("com.example.computes", COMPUTES);
    platform.call(&name, "/");
    let path = format!("/tmp/perf-{}.map", platform.id());
    let map = fs::read_to_string(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    fs::remove_file(&path).unwrap();
    assert_eq!(mode & 0o777, 0o600);
    let line = map.lines().find(|line| line.ends_with(" computes"));
    let line = line.unwrap_or_else(|| panic!("{map}"));
    let mut numbers = line.split(' ').map(|number| number.trim_start_matches("0x"));
    for _address_and_size in 0..2 {
        assert!(
            usize::from_str_radix(numbers.next().unwrap(), 16).unwrap() > 0,
            "{line}"
        );
    }
}

/// Computes for some milliseconds in a function of its own, or panics there if the name is no
/// number.
const PANICS: &str = r#"
use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Router::new().get("/hello/:name", hello).handle(request)
}

fn hello(request: &Request) -> Result<Response> {
    let name = request.param("name")?;
    Response::json(&finds_the_price(&name))
}

#[inline(never)]
fn finds_the_price(name: &str) -> u32 {
    let price: u32 = name.parse().unwrap();
    (0..20_000_000).fold(price, |sum, step| std::hint::black_box(sum ^ step))
}
"#;

#[test]
fn names_that_are_not_in_a_component_are_in_a_file_for_its_author() {
    let home = TempDir::new().unwrap();
    done(home.path(), &["new", "greeter", "--lang", "rust"]);
    let directory = home.path().join("greeter");
    fs::write(directory.join("src/lib.rs"), PANICS).unwrap();
    for command in [
        &["keygen", "--publisher", "example"][..],
        &["build", "--symbols"],
        &["pack"],
        &["sign"],
    ] {
        done(&directory, command);
    }
    let server = Server::start(&directory);
    publish_and_install(&directory, &server, "demo");
    let manifest: Value = serde_json::from_slice(&fs::read(directory.join("manifest.json")).unwrap()).unwrap();
    let name = manifest["name"].as_str().unwrap();
    let at = ["--server", server.address()];
    let target = format!("{name}/hello/you");
    alga(&directory, &[&["call", &target][..], &at].concat());
    let log = |symbols: &[&str]| {
        done(
            &directory,
            &[&["logs", name, "--tenant", "demo"][..], &at, symbols].concat(),
        )
    };
    // The record is stored a moment after the response.
    let without = (0..1_000).map(|_| log(&[])).find(|log| log.contains("guest_trapped"));
    let without = without.expect("a record of the trap");
    assert!(without.contains("src/lib.rs:16:"), "{without}");
    assert!(without.contains("<wasm function "), "{without}");
    assert!(!without.contains("finds_the_price"), "{without}");
    let with = log(&["--symbols", "dist/main.symbols.json"]);
    assert!(with.contains("greeter::finds_the_price"), "{with}");
    assert!(!with.contains("<wasm function "), "{with}");
    let mut profiler = Command::new(program("alga"))
        .args(["profile", name, "--tenant", "demo", "--seconds", "2", "--json"])
        .args(["--symbols", "dist/main.symbols.json"])
        .args(at)
        .current_dir(&directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let computes = format!("{name}/hello/7");
    while profiler.try_wait().unwrap().is_none() {
        done(&directory, &[&["call", &computes][..], &at].concat());
    }
    let output = profiler.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let busiest = summary["functions"][0][0].as_str().unwrap_or_default();
    assert!(busiest.contains("greeter::finds_the_price"), "{summary}");
}
