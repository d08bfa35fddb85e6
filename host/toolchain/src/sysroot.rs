//! Builds `std` once for compilers that ship its source but not the target.

use crate::debian::{DebianCompiler, RUSTFLAGS_VARIABLE};
use crate::process::{output_of, run_quietly};
use crate::{Progress, TARGET, ToolchainError, paths};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rustc flags for `std`: guests with link-time optimization need the library's bitcode.
const STD_RUSTFLAGS: &str = "-Cembed-bitcode=yes";

/// Increases with each change of how `std` is built.
const REVISION: u32 = 2;

/// Returns the sysroot for this compiler, and builds it if it does not exist.
///
/// Its path contains a hash of the compiler and of how it is used, because cargo does not notice a
/// sysroot whose contents changed.
pub(crate) fn ensure(
    compiler: &DebianCompiler,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, ToolchainError> {
    let sysroot = cache.join(format!("guest-sysroot-{:016x}", fingerprint(compiler)));
    if sysroot.join("complete").exists() {
        return Ok(sysroot);
    }
    progress("building the standard library for wasm32-unknown-unknown (once, about a minute)");
    let work = cache.join("guest-sysroot-build");
    build_std(compiler, &work)?;
    install(&work, &sysroot)?;
    fs::remove_dir_all(&work).ok();
    Ok(sysroot)
}

fn fingerprint(compiler: &DebianCompiler) -> u64 {
    let mut hasher = DefaultHasher::new();
    output_of(Command::new(&compiler.rustc).arg("-vV")).hash(&mut hasher);
    (STD_RUSTFLAGS, REVISION).hash(&mut hasher);
    hasher.finish()
}

fn build_std(compiler: &DebianCompiler, work: &Path) -> Result<(), ToolchainError> {
    let source = work.join("src");
    fs::create_dir_all(&source).map_err(ToolchainError::file(&source))?;
    write(
        &work.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    write(&source.join("lib.rs"), "#![no_std]\n")?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(work);
    cargo.args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
    cargo
        .env("RUSTC", &compiler.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", work.join("target"));
    let paths = paths::flags(&work.join("Cargo.toml"));
    cargo.env(RUSTFLAGS_VARIABLE, format!("{STD_RUSTFLAGS}{paths}"));
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &compiler.linker);
    // The caller may itself run under cargo with wrappers and flags meant for the host.
    for name in [
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
    ] {
        cargo.env_remove(name);
    }
    run_quietly(&mut cargo)
}

/// Copies the libraries, then marks the sysroot as complete, so that an interrupted copy is never
/// used.
fn install(work: &Path, sysroot: &Path) -> Result<(), ToolchainError> {
    let built = work.join("target").join(TARGET).join("release/deps");
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries).map_err(ToolchainError::file(&libraries))?;
    for entry in fs::read_dir(&built).map_err(ToolchainError::file(&built))?.flatten() {
        let path = entry.path();
        let is_library = path.extension().is_some_and(|extension| extension == "rlib");
        let is_empty_crate = entry.file_name().to_string_lossy().starts_with("libempty");
        if is_library && !is_empty_crate {
            let target = libraries.join(entry.file_name());
            fs::copy(&path, &target).map_err(ToolchainError::file(&target))?;
        }
    }
    write(&sysroot.join("complete"), "")
}

fn write(path: &Path, text: &str) -> Result<(), ToolchainError> {
    fs::write(path, text).map_err(ToolchainError::file(path))
}
