//! Builds the example and test extensions. This is an explicit step, never a build script: a cargo
//! process started by cargo waits for the lock that its parent holds.

use crate::shell::{Outcome, report, root, step, target};
use alga_toolchain::{BuildRequest, GuestToolchain, Packages, Size, encode_component};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the directory of the components; the test harness reads them from there.
pub(crate) fn directory() -> PathBuf {
    target().join("components")
}

/// Builds every example and every test guest.
pub(crate) fn build_all() -> Outcome {
    let examples = examples()?;
    let examples: Vec<&str> = examples.iter().map(String::as_str).collect();
    build(&examples, Size::Smallest)?;
    build(&["alga-test-guests"], Size::Quick)?;
    build(&["alga-async-guests"], Size::Quick)?;
    adapters(true)?;
    crate::engine::build(true)
}

/// Prefixes of the names of adapters.
const ADAPTERS: [&str; 3] = ["function_", "legacy_", "standard_"];

/// Builds the adapters of other worlds, and compares them with the committed ones, or replaces
/// those: the host composes them with guests. Another compiler may build other bytes.
pub(crate) fn adapters(is_check: bool) -> Outcome {
    build(&["alga-adapter-components"], Size::Smallest)?;
    let committed = root().join("adapters/components/dist");
    let (version, built_by) = (
        GuestToolchain::find(&target(), Packages::Install, &step)?.version(),
        committed.join("compiler.txt"),
    );
    let is_same_compiler = fs::read_to_string(&built_by).is_ok_and(|text| text.trim_end() == version);
    if is_check && !is_same_compiler {
        report("    not compared with the committed ones, which another compiler built");
        return Ok(());
    }
    fs::create_dir_all(&committed)?;
    for entry in fs::read_dir(directory())?.flatten() {
        let name = entry.file_name();
        let is_adapter = |prefix: &&str| name.to_string_lossy().starts_with(prefix);
        if !ADAPTERS.iter().any(is_adapter) {
            continue;
        }
        let (built, path) = (fs::read(entry.path())?, committed.join(&name));
        let is_same = fs::read(&path).is_ok_and(|bytes| bytes == built);
        match (is_same, is_check) {
            (true, _) => {}
            (false, false) => fs::write(&path, built)?,
            (false, true) => {
                let message = format!(
                    "{} is not what its source builds; run cargo xtask adapters",
                    path.display()
                );
                return Err(message.into());
            }
        }
    }
    if !is_check {
        fs::write(built_by, format!("{version}\n"))?;
    }
    Ok(())
}

/// Builds these packages into components.
pub(crate) fn build(packages: &[&str], size: Size) -> Outcome {
    step(&format!("building extensions: {}", packages.join(", ")));
    let toolchain = GuestToolchain::find(&target(), Packages::Install, &step)?;
    let artifacts = toolchain.build(&BuildRequest {
        manifest: &root().join("Cargo.toml"),
        packages,
        target_directory: &target().join(match size {
            Size::Smallest => "guests",
            Size::Quick => "guests-quick",
            Size::Fastest => "guests-fast",
        }),
        size,
        names: false,
        quiet: true,
    })?;
    fs::create_dir_all(directory())?;
    for artifact in &artifacts {
        encode(&artifact.name, &artifact.module)?;
    }
    report(&format!(
        "    {} components in {}",
        artifacts.len(),
        directory().display()
    ));
    Ok(())
}

fn encode(name: &str, module: &Path) -> Outcome {
    let name = name.strip_prefix("example_").unwrap_or(name);
    let component = directory().join(format!("{name}.wasm"));
    let bytes = fs::read(module)?;
    let encoded = encode_component(&bytes).map_err(|error| format!("{name}: {error}"))?;
    // Unchanged components retain their modification time, so that nothing that depends on them is
    // rebuilt.
    if fs::read(&component).ok().as_deref() != Some(encoded.as_slice()) {
        fs::write(&component, encoded)?;
    }
    Ok(())
}

fn examples() -> Outcome<Vec<String>> {
    let directories = fs::read_dir(root().join("examples"))?.flatten();
    let names = directories.filter(|entry| entry.path().join("Cargo.toml").exists());
    Ok(names
        .map(|entry| format!("example-{}", entry.file_name().to_string_lossy()))
        .collect())
}
