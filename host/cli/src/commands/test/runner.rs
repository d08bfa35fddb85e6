//! The test runner of an extension, by its language.

use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use crate::{javascript, python};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The test runner of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Cargo,
    Npm,
    Pytest,
}

impl Runner {
    /// Returns the runner for the extension in a directory.
    pub(super) fn of(directory: &Path) -> Outcome<Self> {
        if directory.join("Cargo.toml").is_file() {
            Ok(Self::Cargo)
        } else if directory.join(python::SOURCE).is_file() {
            Ok(Self::Pytest)
        } else if javascript::source(directory).is_some() {
            Ok(Self::Npm)
        } else {
            let failed = CliError::user(format!("there is no extension in `{}`", directory.display()));
            Err(failed.with_hint("it has a Cargo.toml, an app.py or a src/index.ts"))
        }
    }

    /// Returns the command that runs all tests.
    pub(super) fn command(self, directory: &Path, sdk: &Path, cache: &Path, printer: &Printer) -> Outcome<Command> {
        let mut command = match self {
            Self::Cargo => Command::new("cargo"),
            Self::Npm => Command::new("npm"),
            Self::Pytest => Command::new(python::ensure_pytest(cache, printer)?),
        };
        command.current_dir(directory);
        match self {
            Self::Cargo => command.arg("test"),
            Self::Npm => command.args(["test", "--"]),
            Self::Pytest => command.env("PYTHONPATH", python_path(&sdk.join("python-testing"))),
        };
        Ok(command)
    }
}

/// Returns a directory of modules before those of this shell.
fn python_path(modules: &Path) -> OsString {
    let mut path = modules.as_os_str().to_owned();
    if let Some(others) = std::env::var_os("PYTHONPATH") {
        path.push(":");
        path.push(others);
    }
    path
}
