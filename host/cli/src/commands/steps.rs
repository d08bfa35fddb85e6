//! Commands of this program as steps of another one.

use crate::files::write;
use crate::outcome::{CliError, ErrorContext, Outcome};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Directory of keys, data and built files, which is neither packed nor committed.
pub(super) const STATE: &str = ".alga";

/// Creates that directory.
pub(super) fn ensure_state(state: &Path) -> Outcome {
    std::fs::create_dir_all(state).user_error(&state.display().to_string())?;
    // Keys must not be committed.
    write(&state.join(".gitignore"), b"*\n")
}

/// Returns this program as a command that runs in a directory.
pub(super) fn alga(directory: &Path) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe().internal_error("")?);
    command.current_dir(directory).stdin(Stdio::null());
    Ok(command)
}

/// Runs a step; what it prints is shown only if it fails.
pub(super) fn succeeded(command: &mut Command) -> Outcome {
    let Output { status, stderr, .. } = command.output().internal_error("could not run this program again")?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&stderr).into_owned();
    let text = text.trim_end().trim_start_matches("error: ");
    let (text, hint) = text.split_once("\nhint: ").unwrap_or((text, ""));
    let failed = CliError::user(text.to_owned());
    Err(if hint.is_empty() {
        failed
    } else {
        failed.with_hint(hint.to_owned())
    })
}
