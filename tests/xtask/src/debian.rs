//! Programs from Debian's packages that the tests start.

use crate::shell::{Outcome, execute, step, target};
use std::fs;
use std::path::{Path, PathBuf};
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

/// Returns a program of a package, unpacked below `target/debian`: for packages whose installation
/// would start a server.
pub(crate) fn unpacked(program: &str, package: &str) -> Outcome<PathBuf> {
    let directory = target().join("debian");
    let path = directory.join("usr/bin").join(program);
    if path.exists() {
        return Ok(path);
    }
    step(&format!("unpacking Debian's {package} with apt-get (once)"));
    fs::create_dir_all(&directory)?;
    execute(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    let mut download = Command::new("apt-get");
    execute(
        download
            .args(["download", "--quiet=2", package])
            .current_dir(&directory),
    )?;
    let is_package = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "deb");
    let files = fs::read_dir(&directory)?.flatten().map(|entry| entry.path());
    for file in files.filter(is_package) {
        execute(Command::new("dpkg").arg("-x").arg(&file).arg(&directory))?;
        fs::remove_file(file)?;
    }
    if !path.exists() {
        return Err(format!("Debian's {package} has no {}", path.display()).into());
    }
    Ok(path)
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
