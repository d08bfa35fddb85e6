//! `cargo xtask bench regress`: compares the instructions of a request, as callgrind counts them,
//! with the committed ones. Two runs differ by one or two percent, unlike times, which differ by
//! tens. Programs are those of profile `dist`.

use super::{Arguments, build};
use crate::debian;
use crate::guests;
use crate::shell::{Outcome, output, report, root, step, target};
use alga_toolchain::Size;
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const ENTRIES: [&str; 3] = ["/v1/http", "/v1/execute", "/api/ext"];
/// Requests of both runs: the difference of their instructions is that of requests alone.
const FEW: u64 = 200;
const MANY: u64 = 1_200;
/// Largest difference from the committed number that is accepted, in percent: what scheduling and
/// the sizes of tables change.
const TOLERANCE: f64 = 3.0;

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let arguments = &Arguments {
        // The profile of what is shipped: its instructions differ from those of other profiles.
        dist: true,
        ..arguments.clone()
    };
    let committed = if arguments.bless { Map::new() } else { committed()? };
    debian::ensure("valgrind", "valgrind")?;
    build(arguments)?;
    guests::build(&["alga-test-guests"], Size::Smallest)?;
    step("counting (some minutes: callgrind executes every instruction itself)");
    let mut counted = Map::new();
    for entry in ENTRIES {
        let (few, many) = (count(arguments, entry, FEW)?, count(arguments, entry, MANY)?);
        counted.insert(entry.to_owned(), ((many - few) / (MANY - FEW)).into());
    }
    if arguments.bless {
        fs::write(baseline(), serde_json::to_string_pretty(&counted)? + "\n")?;
        step("done: read `git diff` before you commit it");
        return Ok(());
    }
    compare(&committed, &counted)
}

fn baseline() -> PathBuf {
    root().join("tests/bench/results/instructions.json")
}

fn committed() -> Outcome<Map<String, Value>> {
    let path = baseline();
    let json = fs::read(&path).map_err(|error| {
        format!(
            "{}: {error}\nhint: `cargo xtask bench regress --bless` writes it",
            path.display()
        )
    })?;
    Ok(serde_json::from_slice(&json)?)
}

/// Returns the instructions of a run.
fn count(arguments: &Arguments, entry: &str, requests: u64) -> Outcome<u64> {
    let file = target().join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(arguments.program().get_program()).arg("instructions");
    command.args(["--entry", entry, "--requests", &requests.to_string()]);
    output(&mut command)?;
    let text = fs::read_to_string(&file)?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let line = line.ok_or("callgrind has written no total")?;
    Ok(line.trim().parse()?)
}

fn compare(committed: &Map<String, Value>, counted: &Map<String, Value>) -> Outcome {
    let mut worse = Vec::new();
    for (entry, now) in counted {
        let (now, before) = (number(now), committed.get(entry).map_or(0.0, number));
        let change = (now / before - 1.0) * 100.0;
        report(&format!(
            "{entry:<12} {now:>9.0} instructions, committed {before:.0} ({change:+.1} %)"
        ));
        if change.abs() > TOLERANCE {
            worse.push(entry.as_str());
        }
    }
    match worse.as_slice() {
        [] => Ok(()),
        entries => Err(format!(
            "{} differ by more than {TOLERANCE} %\nhint: if that is intended, `cargo xtask bench regress --bless`",
            entries.join(", ")
        )
        .into()),
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}
