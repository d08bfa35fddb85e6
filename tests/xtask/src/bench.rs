//! `cargo xtask bench`: the one door to every measurement.

use crate::guests;
use crate::shell::{Outcome, cargo, execute, say, step, target};
use alga_toolchain::Size;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    name: Option<String>,
    /// Print `{machine, commit, figures}`
    #[arg(long)]
    json: bool,
    /// Seconds for each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

const BENCHES: [(&str, &str); 3] = [
    (
        "capabilities",
        "what a grant, a host call, egress and storage cost, beside what they stand on",
    ),
    (
        "execute",
        "POST /v1/execute of a warm runner, beside a bare handler and beside the call alone",
    ),
    (
        "registry",
        "reading and verifying a bundle, publishing one, listing many",
    ),
];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let Some(name) = &arguments.name else {
        for (name, what) in BENCHES {
            say(&format!("{name:<12} {what}"));
        }
        return Ok(());
    };
    step("building with optimisation (the first time this takes some minutes)");
    execute(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "alga-bench",
        "--package",
        "alga",
        "--package",
        "alga-compiler",
    ]))?;
    guests::build(&["example-hello"], Size::Smallest)?;
    guests::build(&["alga-test-guests"], Size::Smallest)?;
    step("measuring");
    let mut bench = Command::new(target().join("release/alga-bench"));
    bench.arg(name).args(["--seconds", &arguments.seconds.to_string()]);
    if arguments.json {
        bench.arg("--json");
    }
    execute(&mut bench)
}
