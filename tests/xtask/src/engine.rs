//! Builds the JavaScript engine that extensions share. It is committed, unlike every other guest:
//! it is a released artifact, which components name by its digest for years.

use crate::debian;
use crate::engine_source;
use crate::shell::{Outcome, report, root, step, target};
use alga_toolchain::{BuildRequest, GuestToolchain, Packages, Size};
use std::fs;
use std::process::Command;

/// Debian's packages with a C compiler for WebAssembly and an archiver.
const PACKAGES: [&str; 2] = ["clang", "llvm"];

/// Builds the engine, and compares it with the committed one, or replaces that. Other compilers may
/// build other bytes, so it is compared only with those that built the committed one.
pub(crate) fn build(is_check: bool) -> Outcome {
    let committed = root().join("adapters/javascript/dist");
    if clang().is_none() {
        if is_check {
            report("    the JavaScript engine is not compared with its source: clang is not installed");
            return Ok(());
        }
        debian::install(&PACKAGES)?;
    }
    let toolchain = GuestToolchain::find(&target(), Packages::Install, &step)?;
    let version = format!("{}\n{}\n", toolchain.version(), clang().unwrap_or_default());
    let built_by = committed.join("compiler.txt");
    if is_check && fs::read_to_string(&built_by).ok().as_deref() != Some(&version) {
        report("    the JavaScript engine is not compared with its source: other compilers built it");
        return Ok(());
    }
    step("building the JavaScript engine (half a minute)");
    let artifacts = toolchain.build(&BuildRequest {
        manifest: &engine_source::arrange()?,
        packages: &["alga-js-engine"],
        target_directory: &target().join("engine"),
        size: Size::Fastest,
        names: false,
        quiet: true,
    })?;
    let artifact = artifacts.first().ok_or("cargo has built no module")?;
    let (built, path) = (fs::read(&artifact.module)?, committed.join("engine.wasm"));
    if fs::read(&path).is_ok_and(|bytes| bytes == built) {
        return Ok(());
    }
    if is_check {
        return Err("the committed JavaScript engine is not what its source builds; run cargo xtask engine".into());
    }
    fs::create_dir_all(&committed)?;
    fs::write(path, built)?;
    fs::write(built_by, version)?;
    report("    the engine has changed: `cargo test -p alga-javascript` prints its new digest");
    Ok(())
}

/// Returns the first line of the C compiler's version, if there is one.
fn clang() -> Option<String> {
    let output = Command::new("clang").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(ToOwned::to_owned)
}
