//! `alga profile`: samples of an install's code, as an operator gets them.

use crate::platform::Platform;
use alga_harness::{MockServer, ServerOptions, program};
use serde_json::Value;
use std::process::{Command, Stdio};

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
    let file = std::fs::read(platform.directory().join("profile.json")).unwrap();
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
