//! The WASI packages in `wit/deps/wasi-*`, and those of WASI 0.3 for a guest of the tests, are
//! those of the pinned wasmtime, and are never edited.

use crate::shell::{Outcome, cargo, output, report, root, step};
use std::fs;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only check that they match
    #[arg(long)]
    pub(crate) check: bool,
}

const SOURCE_CRATE: &str = "wasmtime-wasi-http";
const PACKAGES: [&str; 7] = ["cli", "clocks", "filesystem", "http", "io", "random", "sockets"];
/// Packages of WASI 0.3, which has no `wasi:io`.
const PACKAGES_OF_0_3: [&str; 6] = ["cli", "clocks", "filesystem", "http", "random", "sockets"];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    step(if arguments.check {
        "checking the vendored WIT"
    } else {
        "copying WIT"
    });
    let source = source_directory()?;
    let of_0_2 = PACKAGES.map(|package| {
        let own = root().join(format!("wit/deps/wasi-{package}/{package}.wit"));
        (source.join(format!("wit/deps/{package}.wit")), own)
    });
    let of_0_3 = PACKAGES_OF_0_3.map(|package| {
        let own = root().join(format!("tests/async-guests/wit/deps/wasi-{package}.wit"));
        (source.join(format!("src/p3/wit/deps/{package}.wit")), own)
    });
    for (other, own) in of_0_2.into_iter().chain(of_0_3) {
        let other = fs::read(other)?;
        if arguments.check {
            if fs::read(&own)? != other {
                return Err(format!("{} was edited; `cargo xtask vendor-wit` restores it", own.display()).into());
            }
        } else {
            fs::write(&own, other)?;
            report(&format!("    {}", own.display()));
        }
    }
    Ok(())
}

/// Returns the directory into which cargo has unpacked the crate that the lock file pins.
fn source_directory() -> Outcome<PathBuf> {
    let metadata = output(&mut cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata
        .get("packages")
        .and_then(serde_json::Value::as_array)
        .ok_or("cargo metadata has no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package.get("name").is_some_and(|name| name == SOURCE_CRATE));
    let manifest = manifest
        .and_then(|package| package.get("manifest_path")?.as_str())
        .ok_or("wasmtime-wasi-http is not a dependency")?;
    Ok(PathBuf::from(manifest).with_file_name(""))
}
