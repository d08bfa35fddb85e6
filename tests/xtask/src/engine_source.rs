//! Arranges the sources of the JavaScript engine below one workspace, so that the engine does not
//! depend on where the repository is. Cargo identifies a crate of another workspace by its whole
//! path, which the order of functions follows.

use crate::shell::{Outcome, root, target};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const ENGINE: &str = "guest-sdk/js/engine";
/// Files and directories that the build uses as they are.
const LINKED: [&str; 6] = [
    "wit",
    "guest-sdk/Cargo.toml",
    "guest-sdk/src",
    "guest-sdk/macros",
    "guest-sdk/js/engine/src",
    "guest-sdk/js/engine/build.rs",
];

/// Writes the workspace and returns its manifest. Unchanged files are not written again.
pub(crate) fn arrange() -> Outcome<PathBuf> {
    let directory = target().join("engine-source");
    fs::create_dir_all(directory.join(ENGINE))?;
    for path in LINKED {
        let link = directory.join(path);
        if fs::read_link(&link).ok().as_deref() != Some(&root().join(path)) {
            fs::remove_file(&link).ok();
            symlink(root().join(path), link)?;
        }
    }
    let mut workspace = manifest(&root().join("Cargo.toml"))?;
    let members = Value::from(vec![ENGINE]);
    if let Some(table) = workspace.get_mut("workspace").and_then(Value::as_table_mut) {
        table.remove("exclude");
        table.remove("default-members");
        table.insert("members".into(), members);
    }
    let mut engine = manifest(&root().join(ENGINE).join("Cargo.toml"))?;
    engine.remove("workspace");
    // A workspace's profile is that of its root; `Size::Fastest` has the engine's.
    engine.remove("profile");
    write(&directory.join("Cargo.toml"), workspace.to_string().as_bytes())?;
    write(
        &directory.join(ENGINE).join("Cargo.toml"),
        engine.to_string().as_bytes(),
    )?;
    write(
        &directory.join("Cargo.lock"),
        &fs::read(root().join(ENGINE).join("Cargo.lock"))?,
    )?;
    Ok(directory.join("Cargo.toml"))
}

fn manifest(path: &Path) -> Outcome<Table> {
    Ok(fs::read_to_string(path)?.parse()?)
}

fn write(path: &Path, content: &[u8]) -> Outcome {
    if !fs::read(path).is_ok_and(|existing| existing == content) {
        fs::write(path, content)?;
    }
    Ok(())
}
