//! Tools from the Python package registry that tests run, in a directory of their own.

use crate::debian;
use crate::shell::{Outcome, execute, step, target};
use std::path::PathBuf;
use std::process::Command;

/// The version is fixed: the findings depend on it.
pub(crate) const SCHEMATHESIS: (&str, &str) = ("schemathesis", "schemathesis==4.32.5");

/// Returns the path of a program; installs its package below `target/python` if it is missing.
pub(crate) fn ensure(program: &str, package: &str) -> Outcome<PathBuf> {
    let directory = target().join("python");
    let path = directory.join("bin").join(program);
    if path.exists() {
        return Ok(path);
    }
    step(&format!("installing {program} with pip (once)"));
    if !directory.join("bin/pip").exists() {
        let venv = || execute(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory));
        if venv().is_err() {
            // Debian has the `venv` module in a separate package.
            debian::install(&["python3", "python3-venv"])?;
            venv()?;
        }
    }
    let pip = directory.join("bin/pip");
    execute(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", package]))?;
    Ok(path)
}
