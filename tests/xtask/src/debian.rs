//! Programs from Debian's packages that the tests start.

use crate::shell::{Outcome, execute, step};
use std::path::Path;
use std::process::{Command, Stdio};

/// Installs the package of a program if the program is missing.
pub(crate) fn ensure(program: &str, package: &str) -> Outcome {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok() { Ok(()) } else { install(&[package]) }
}

/// Installs the package of a library if the library is missing from the directories of system
/// libraries.
pub(crate) fn ensure_file(library: &str, package: &str) -> Outcome {
    let directory = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    if Path::new(&directory).join(library).exists() {
        Ok(())
    } else {
        install(&[package])
    }
}

/// Installs packages with apt-get, as root.
pub(crate) fn install(packages: &[&str]) -> Outcome {
    step(&format!(
        "installing Debian's {} with apt-get (as root)",
        packages.join(" and ")
    ));
    execute(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    let install = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
    execute(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(install)
            .args(packages),
    )
}
