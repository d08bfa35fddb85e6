//! Steps of the wall clock: a machine that was suspended, an operator who sets the time.

use crate::operator::Operator;
use crate::{done, hello_in, publish_and_install};
use alga_harness::{Server, ServerOptions};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn clock_steps_in_either_direction_fail_no_request() {
    let library = format!(
        "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1",
        std::env::consts::ARCH
    );
    // Without it, the clock of the server does not step.
    assert!(
        Path::new(&library).exists(),
        "{library}: `cargo xtask test` installs it"
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
    let operator = Operator::of(&directory, &server);
    let scrape = || operator.get("/metrics").unwrap().text();
    let value = |text: &str, series: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("{series}: {text}"))
            .trim()
            .parse::<f64>()
            .unwrap()
    };
    // An execution is counted a moment after its response.
    let scrapes = std::iter::repeat_with(scrape).take(1_000);
    let mut counted = scrapes.map(|text| (value(&text, "alga_executions_total{outcome=\"2xx\"} "), text));
    let (_, text) = counted
        .find(|(executions, _)| *executions >= 18.0)
        .expect("every execution is counted");
    assert_eq!(value(&text, "alga_executions_total{outcome=\"2xx\"} "), 18.0);
    for lost in ["alga_execution_sums_lost_total ", "alga_execution_records_lost_total "] {
        assert_eq!(value(&text, lost), 0.0, "{lost}");
    }
    // No step of the wall clock is in a duration.
    let seconds = value(&text, "alga_execution_duration_seconds_sum ");
    assert!(seconds < 1_000.0, "{seconds}");
}
