//! Replaces the paths of this machine in what the compiler writes into a component: the message of
//! a panic names its source file, with the directory of the crates that cargo has downloaded.

use crate::process::run_quietly;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Replaces the directories of crates from registries, whatever the registry.
const CRATES: &str = "/crates";
/// Replaces cargo's home directory, which has crates from repositories, too.
const CARGO_HOME: &str = "/cargo";

/// Returns compiler flags that replace cargo's directories, each with a space before it. One whose
/// path has a space, which cargo would split, is not replaced.
pub(crate) fn flags(manifest: &Path) -> String {
    let Some(home) = cargo_home() else {
        return String::new();
    };
    let mut registries = registries(&home);
    if registries.is_empty() {
        // Nothing was downloaded yet. Other flags for the next build would build everything again.
        run_quietly(Command::new("cargo").args(["fetch", "--manifest-path"]).arg(manifest)).ok();
        registries = self::registries(&home);
    }
    // Of several prefixes that match, the compiler uses the last one.
    let all = [(home, CARGO_HOME)]
        .into_iter()
        .chain(registries.into_iter().map(|path| (path, CRATES)));
    all.filter_map(|(path, name)| {
        let path = path.into_os_string().into_string().ok()?;
        let has_space = path.contains(char::is_whitespace);
        (!has_space).then(|| format!(" --remap-path-prefix={path}={name}"))
    })
    .collect()
}

fn cargo_home() -> Option<PathBuf> {
    let of_user = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(of_user)
}

/// Lists the directories of downloaded crates, one for each registry.
fn registries(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.join("registry/src")).into_iter().flatten();
    let mut all: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}
