//! Output to the user, and starting programs.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Result of a task; the error is text for the user.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Prints one line to the user.
pub(crate) fn report(line: &str) {
    // If standard error is closed, there is no place to report it.
    writeln!(std::io::stderr(), "{line}").ok();
}

/// Prints the name of a long step.
pub(crate) fn step(text: &str) {
    report(&format!("==> {text}"));
}

/// Returns the root directory of the repository.
pub(crate) fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.pop();
    path
}

/// Returns the only target directory.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a program, in the repository unless it has another working directory, and shows its
/// output.
pub(crate) fn execute(command: &mut Command) -> Outcome {
    let shown = describe(command);
    let status = in_repository(command)
        .status()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed ({status})").into())
    }
}

/// Runs a program, in the repository unless it has another working directory, and returns its
/// output.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let shown = describe(command);
    let output = in_repository(command)
        .output()
        .map_err(|error| format!("could not run `{shown}`: {error}"))?;
    if !output.status.success() {
        // Some programs report errors on their standard output.
        let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        return Err(format!("`{shown}` failed:\n{out}{error}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn in_repository(command: &mut Command) -> &mut Command {
    if command.get_current_dir().is_none() {
        command.current_dir(root());
    }
    command
}

/// Creates a cargo command, without the variables that `cargo run` sets for this program: build
/// scripts of `ring` and others run again when they change, and so would everything above them,
/// each time that a developer's own `cargo build` and `cargo xtask` alternate.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    let is_of_this_package = |name: &String| {
        let prefixes = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || name == "OUT_DIR"
    };
    let names = std::env::vars().map(|(name, _)| name).filter(is_of_this_package);
    names.for_each(|name| {
        command.env_remove(name);
    });
    command
}

pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
