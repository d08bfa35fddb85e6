//! Steps of the wall clock: a machine that was suspended, an operator who sets the time.

use crate::{done, hello_in, publish_and_install};
use alga_harness::{Server, ServerOptions};
use std::fs;
use tempfile::TempDir;

#[test]
fn clock_steps_in_either_direction_fail_no_request() {
    let library = format!(
        "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1",
        std::env::consts::ARCH
    );
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let offset = directory.join("offset");
    fs::write(&offset, "+0").unwrap();
    let variables = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let server = Server::start_with(
        &directory,
        &ServerOptions {
            variables: &variables,
            ..ServerOptions::default()
        },
    );
    publish_and_install(&directory, &server, "demo");
    let ask = || {
        done(
            &directory,
            &["call", "com.example.hello/hello/you", "--server", server.address()],
        )
    };
    // Its periods begin and end with each step.
    let quota = [
        "quotas", "set", "--tenant", "demo", "--meter", "requests", "--period", "minute", "--hard", "100",
    ];
    done(&directory, &[&quota[..], &["--server", server.address()]].concat());
    // Forward by two minutes and by a day, then back beyond the start.
    for step in ["+0", "+120", "+86400", "-120", "-86400", "+0"] {
        fs::write(&offset, step).unwrap();
        for _ in 0..3 {
            assert_eq!(ask().trim(), r#"{"message":"Hello, you!"}"#, "{step}");
        }
    }
}
