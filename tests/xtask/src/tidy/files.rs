//! What is where, and how large.

use crate::shell::{Outcome, output, root};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Exactly these, and dotfiles.
const TOP: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "adapters",
    "examples",
    "guest-sdk",
    "host",
    "registry",
    "tests",
    "wit",
];
/// Folders whose README says what a newcomer needs.
const EXPLAINED: [&str; 7] = ["host", "registry", "wit", "guest-sdk", "adapters", "examples", "tests"];
const FILE_LINES: usize = 500;
const EXAMPLE_LINES: usize = 150;
/// Longer than [`FILE_LINES`], with the reason.
const LONG_FILES: [(&str, &str); 0] = [];
/// Words that a part must not know, because it must not know what they mean.
const FORBIDDEN: [(&str, &[&str], &str); 4] = [
    (
        "host/engine/src",
        &["tenant", "capability", "sqlx", "axum"],
        "the engine knows no tenant, capability, SQL or HTTP",
    ),
    (
        "registry/bundle/src",
        &["tokio", "axum", "sqlx"],
        "the vocabulary does no input or output",
    ),
    (
        "host/capabilities/src",
        &["axum", "sqlx"],
        "capabilities know no routes and no SQL",
    ),
    (
        "host/gateway/src",
        &["sqlx", "wasmtime"],
        "the gateway asks the store and the runner",
    ),
];
/// Lines that explain what the part does not know may name it.
const EXPLAINING: &str = "//!";

pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    check_top(problems)?;
    let tracked = output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let files: Vec<&str> = tracked.lines().filter(|path| root().join(path).exists()).collect();
    for path in &files {
        check_file(path, problems)?;
    }
    for folder in EXPLAINED {
        if !root().join(folder).join("README.md").exists() {
            problems.push(format!("{folder}/README.md is missing"));
        }
    }
    check_guests_are_used(&files, problems)
}

fn check_top(problems: &mut Vec<String>) -> Outcome {
    for entry in fs::read_dir(root())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "target" && !TOP.contains(&name.as_str()) {
            problems.push(format!("{name} is not one of the top-level entries"));
        }
    }
    Ok(())
}

fn check_file(path: &str, problems: &mut Vec<String>) -> Outcome {
    if path.ends_with(".wasm") || path.ends_with(".cwasm") {
        problems.push(format!("{path}: components are built, not committed"));
        return Ok(());
    }
    if !path.ends_with(".rs") {
        return Ok(());
    }
    let text = fs::read_to_string(root().join(path))?;
    let lines = text.lines().count();
    let has_reason = LONG_FILES.iter().any(|(long, _)| *long == path);
    if lines > FILE_LINES && !has_reason {
        problems.push(format!(
            "{path} has {lines} lines; split it, or give a reason in tidy/files.rs"
        ));
    }
    if path.starts_with("examples/") && lines > EXAMPLE_LINES {
        problems.push(format!(
            "{path} has {lines} lines; an example has {EXAMPLE_LINES} at most"
        ));
    }
    if is_source(path) && text.contains("AssertSqlSafe") {
        problems.push(format!("{path}: SQL is written as literals; values are bound"));
    }
    for (folder, words, reason) in FORBIDDEN {
        if path.starts_with(folder) {
            check_words(path, &text, words, reason, problems);
        }
    }
    Ok(())
}

fn is_source(path: &str) -> bool {
    !path.starts_with("tests/")
}

fn check_words(path: &str, text: &str, words: &[&str], reason: &str, problems: &mut Vec<String>) {
    let code = text.lines().filter(|line| !line.trim_start().starts_with(EXPLAINING));
    let found = code.flat_map(|line| words.iter().filter(move |word| line.to_lowercase().contains(*word)));
    for word in found {
        problems.push(format!("{path} says `{word}`: {reason}"));
    }
}

/// A guest without a test is a finding that nobody looks for.
fn check_guests_are_used(files: &[&str], problems: &mut Vec<String>) -> Outcome {
    let mut tests = String::new();
    for path in files
        .iter()
        .filter(|path| path.starts_with("tests/") && !path.starts_with("tests/guests/") && path.ends_with(".rs"))
    {
        tests += &fs::read_to_string(root().join(path))?;
    }
    for path in files.iter().filter(|path| path.starts_with("tests/guests/src/bin/")) {
        let name = Path::new(path)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        // `<capability>_works` is looked for by tests/conformance, by the capability's name.
        let is_conformance = name
            .strip_suffix("_works")
            .is_some_and(|module| root().join("tests/conformance").join(module).is_dir());
        if !is_conformance && !tests.contains(&format!("\"{name}\"")) {
            problems.push(format!("{path}: no test runs this guest"));
        }
    }
    Ok(())
}
