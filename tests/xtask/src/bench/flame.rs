//! `cargo xtask bench flame`: samples requests to `/v1/http` with `perf`, and draws where their
//! time goes as a flame graph.

mod graph;

use super::{Arguments, build};
use crate::debian;
use crate::guests;
use crate::shell::{Outcome, execute, output, report, root, step, target};
use alga_toolchain::Size;
use graph::Graph;
use std::fs;
use std::path::Path;
use std::process::Command;

const ENTRY: &str = "/v1/http";
const REQUESTS: &str = "40000";
/// Samples per second: a prime number, which no timer of the platform is in step with.
const FREQUENCY: &str = "997";
/// Bytes of the stack that each sample has, for perf to find the callers in: the most that it can.
const STACK: &str = "dwarf,65528";
/// Function of the benchmark that sends a request: the graph begins there.
const REQUEST: &str = "alga_bench::instructions::one";
/// Functions that are listed.
const LISTED: usize = 20;

pub(super) fn run(arguments: &Arguments) -> Outcome {
    debian::ensure("perf", "linux-perf")?;
    build(arguments)?;
    guests::build(&["alga-test-guests"], Size::Smallest)?;
    let directory = target().join("bench");
    fs::create_dir_all(&directory)?;
    let samples = sample(arguments, &directory)?;
    let graph = Graph::of(&samples, REQUEST);
    let file = root().join("tests/bench/results/flame.svg");
    fs::create_dir_all(root().join("tests/bench/results"))?;
    fs::write(&file, graph.svg(&format!("{ENTRY}, {} samples", graph.samples())))?;
    for (function, share) in graph.busiest().into_iter().take(LISTED) {
        report(&format!("{share:>5.1} % {function}"));
    }
    step(&format!("done: {}", file.display()));
    Ok(())
}

/// Samples requests, from the moment at which the platform is warm, and returns the stacks.
fn sample(arguments: &Arguments, directory: &Path) -> Outcome<String> {
    let (data, control) = (directory.join("perf.data"), directory.join("perf.control"));
    fs::remove_file(&control).ok();
    execute(Command::new("mkfifo").arg(&control))?;
    step("sampling (perf finds the callers of each sample afterwards, for a minute or two)");
    let mut record = Command::new("perf");
    record.args(["record", "--quiet", "--event", "cpu-clock", "--freq", FREQUENCY]);
    record
        .args(["--call-graph", STACK, "--delay", "-1", "--output"])
        .arg(&data);
    record.arg(format!("--control=fifo:{}", control.display())).arg("--");
    record.arg(arguments.program().get_program()).arg("instructions");
    record
        .args(["--entry", ENTRY, "--requests", REQUESTS, "--control"])
        .arg(&control);
    let process = output(&mut record)?;
    let mut script = Command::new("perf");
    let samples = output(
        script
            .args(["script", "--no-inline", "--fields", "ip,sym", "--input"])
            .arg(&data),
    );
    fs::remove_file(format!("/tmp/perf-{}.map", process.trim())).ok();
    fs::remove_file(data).ok();
    samples
}
