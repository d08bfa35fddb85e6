//! Finds a toolchain; the crate's documentation has the order of the attempts.

use crate::debian::{DebianCompiler, GUEST_RUSTFLAGS, RUSTFLAGS_VARIABLE};
use crate::process::{output_of, run_quietly, rustc};
use crate::{Progress, TARGET, ToolchainError, sysroot};
use std::env;
use std::path::Path;
use std::process::Command;

/// A toolchain that can build for [`TARGET`] on this machine.
#[derive(Debug, Clone)]
pub struct GuestToolchain {
    /// Environment variables that cargo needs.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// Permission to install the operating system's packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// Only what is installed is used; the error names the commands that install more.
    AsInstalled,
    /// A missing compiler is installed with the system's package manager, as root.
    Install,
}

fn found_or_installed<T>(
    found: Option<T>,
    packages: Packages,
    install: impl FnOnce() -> Result<T, ToolchainError>,
) -> Result<T, ToolchainError> {
    match (found, packages) {
        (Some(found), _) => Ok(found),
        (None, Packages::Install) => install(),
        (None, Packages::AsInstalled) => Err(ToolchainError::NoTarget {
            reason: "neither the target nor a compiler with its library source is installed".to_owned(),
        }),
    }
}

impl GuestToolchain {
    /// Finds a toolchain, and sets one up if that is allowed. `cache` is the directory for what is
    /// built once.
    ///
    /// # Errors
    /// [`ToolchainError::NoTarget`], with the user's options, if there is no toolchain; other
    /// variants if a step of setting one up fails.
    pub fn find(cache: &Path, packages: Packages, progress: Progress<'_>) -> Result<Self, ToolchainError> {
        if target_is_installed() {
            return Ok(Self::plain());
        }
        if downloads_are_allowed() {
            progress("adding the wasm32-unknown-unknown target with rustup");
            run_quietly(Command::new("rustup").args(["target", "add", TARGET])).ok();
            if target_is_installed() {
                return Ok(Self::plain());
            }
        }
        let compiler = found_or_installed(DebianCompiler::find(), packages, || DebianCompiler::install(progress))?;
        let sysroot = sysroot::ensure(&compiler, cache, progress)?;
        Ok(Self {
            environment: compiler.environment(&sysroot),
        })
    }
}

impl GuestToolchain {
    /// Returns the versions of the compiler and of the toolchain that provides its linker:
    /// others may build other bytes from the same source.
    #[must_use]
    pub fn version(&self) -> String {
        let compiler = self.environment.iter().find(|(name, _)| *name == "RUSTC");
        let compiler = compiler.map(|(_, path)| output_of(Command::new(path).arg("--version")));
        let of_linker = output_of(rustc().arg("--version"));
        let versions = [compiler.flatten(), of_linker].into_iter().flatten();
        versions.collect::<Vec<_>>().join("\n")
    }

    /// Uses the installed target, with the linker flags for extensions.
    fn plain() -> Self {
        Self {
            environment: vec![(RUSTFLAGS_VARIABLE, GUEST_RUSTFLAGS.to_owned())],
        }
    }
}

fn target_is_installed() -> bool {
    let libdir = output_of(rustc().args(["--print", "target-libdir", "--target", TARGET]));
    libdir.is_some_and(|directory| Path::new(&directory).is_dir())
}

fn downloads_are_allowed() -> bool {
    env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_package_is_installed_unless_it_was_requested() {
        let install = || Ok("installed");
        let refused = || -> Result<&str, _> { panic!("a package was installed") };
        let missing = found_or_installed(None, Packages::AsInstalled, refused).unwrap_err();
        assert!(
            missing.to_string().contains("alga build --install-toolchain"),
            "{missing}"
        );
        assert_eq!(
            found_or_installed(None, Packages::Install, install).unwrap(),
            "installed"
        );
        for packages in [Packages::AsInstalled, Packages::Install] {
            assert_eq!(found_or_installed(Some("found"), packages, refused).unwrap(), "found");
        }
    }
}
