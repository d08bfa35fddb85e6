//! `cargo xtask bench all`: every benchmark in turn, and their results as Markdown, JSON and SVG.

use super::{Arguments, BENCHES, Bench, build, with_hosts};
use crate::shell::{Outcome, execute, report, root, step, target};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

pub(super) fn run(arguments: &Arguments) -> Outcome {
    build(arguments)?;
    let reports = target().join("bench");
    if reports.exists() {
        fs::remove_dir_all(&reports)?;
    }
    fs::create_dir_all(&reports)?;
    for bench in &BENCHES {
        bench.prepare()?;
    }
    for (number, bench) in BENCHES.iter().enumerate() {
        let started = Instant::now();
        step(&format!(
            "{} of {}: {}: {}",
            number + 1,
            BENCHES.len(),
            bench.name,
            bench.what
        ));
        let file = reports.join(format!("{:02}-{}.json", number + 1, bench.name));
        if let Err(error) = measure(bench, arguments, &file) {
            // The others are of use without it; its place in the results shows the error.
            report(&format!("{}: {error}", bench.name));
            fs::write(&file, json!({ "error": error.to_string() }).to_string())?;
        }
        report(&format!("    {} s", started.elapsed().as_secs()));
    }
    let results = root().join("tests/bench/results");
    let mut command = arguments.program();
    command.args(["report", "--paths"]);
    execute(with_hosts(
        command.arg(&reports).arg(&results).arg(root().join("README.md")),
    )?)?;
    if arguments.json {
        std::io::stdout().write_all(&fs::read(results.join("results.json"))?)?;
    }
    step(&format!("results: {}", results.join("README.md").display()));
    Ok(())
}

/// Runs one benchmark and writes its report into this file.
fn measure(bench: &Bench, arguments: &Arguments, file: &Path) -> Outcome {
    let (mut command, _postgres) = bench.command(arguments)?;
    let output = command
        .arg("--json")
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        // Results are committed, without the paths of a machine.
        return Err(format!("`alga-bench {}` failed ({})", bench.name, output.status).into());
    }
    Ok(fs::write(file, output.stdout)?)
}
