//! Talking to the person and starting programs.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// What every task answers: the error is for a person.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// One line to the person.
pub(crate) fn say(line: &str) {
    // Nobody to tell when standard error is gone.
    writeln!(std::io::stderr(), "{line}").ok();
}

/// A step that takes a while.
pub(crate) fn step(text: &str) {
    say(&format!("==> {text}"));
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.pop();
    path
}

/// The one target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a program in the repository, showing what it prints.
pub(crate) fn execute(command: &mut Command) -> Outcome {
    let shown = describe(command);
    let status = command
        .current_dir(root())
        .status()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed ({status})").into())
    }
}

/// Runs a program, in the repository unless it says where, and answers what it printed.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let shown = describe(command);
    if command.get_current_dir().is_none() {
        command.current_dir(root());
    }
    let output = command
        .output()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{shown}` failed:\n{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A cargo command.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
