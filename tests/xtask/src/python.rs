//! Tools from the Python package registry that tests run, in a folder of their own.

use crate::debian;
use crate::shell::{Outcome, execute, step, target};
use std::process::Command;

/// The version is fixed: what it finds depends on it.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Installs what is not there. Everything lands in `target/python`.
pub(crate) fn ensure() -> Outcome {
    let folder = target().join("python");
    if folder.join("bin/schemathesis").exists() {
        return Ok(());
    }
    step("installing schemathesis with pip (once)");
    let venv = || execute(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    if venv().is_err() {
        // Debian has the module in a package of its own.
        debian::install(&["python3", "python3-venv"])?;
        venv()?;
    }
    let pip = folder.join("bin/pip");
    execute(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS]))
}
