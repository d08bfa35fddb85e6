//! Confines this process to what it needs, so that code of a guest that escaped from its sandbox
//! is in another one: it reads and writes few files, starts no program, and listens nowhere.
//!
//! | step | when | by |
//! |---|---|---|
//! | files, ports and signals | before other threads start, which inherit it | Landlock |
//! | system calls | when the process listens | seccomp |
//!
//! Both only ever narrow what the operating system permits, and cannot be undone.

mod files;
mod system_calls;

pub(crate) use files::named_files;

use crate::Config;
use crate::config::Confinement;
use alga_engine::perf_map;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Failure to confine this process.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The kernel refuses the rules.
    #[error("files and ports")]
    Files(#[from] landlock::RulesetError),
    /// The kernel refuses the filter.
    #[error("system calls")]
    SystemCalls(#[from] seccompiler::Error),
    /// The filter does not fit this processor.
    #[error("a filter of system calls")]
    Filter(#[from] seccompiler::BackendError),
    /// The file in which `perf` looks for functions cannot be created.
    #[error("ALGA_PERF: {} cannot be created", path.display())]
    PerfMap {
        /// Path of the file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The kernel enforces a part of the rules.
    #[error("this kernel enforces only a part: it needs Landlock of ABI 6 (Linux 6.12)")]
    Incomplete,
}

/// Limits the files and ports of this thread, and of the threads that it will start. Called before
/// there are others.
///
/// # Errors
/// Returns [`ConfineError`] if it is required and cannot be done.
pub fn confine_files(config: &Config) -> Result<(), ConfineError> {
    alga_metrics::open_process_files();
    if config.perf {
        let path = perf_map();
        create_perf_map(&path).map_err(|source| ConfineError::PerfMap { path, source })?;
    }
    apply(config, "files and ports", || files::confine(config))
}

/// Forbids system calls that this process does not need once it listens, to all of its threads.
///
/// # Errors
/// As for [`confine_files`].
pub fn confine_system_calls(config: &Config) -> Result<(), ConfineError> {
    apply(config, "system calls", || {
        system_calls::forbid(config.compiler.is_some(), uses_unix_sockets(config))
    })
}

/// Creates the file that the engine opens for `perf`. In a directory that all users share, what is
/// there under its name is of an earlier process with this number, or a trap.
fn create_perf_map(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map(drop),
    }
}

/// True if this kernel can limit files, ports and signals completely. Nothing is limited.
pub(crate) fn is_supported() -> bool {
    files::rules().is_ok()
}

/// True if the database is reached through a socket in a directory.
fn uses_unix_sockets(config: &Config) -> bool {
    let is_socket = |url: &String| {
        ["host=/", "host=%2f", "@%2f", "://%2f"]
            .iter()
            .any(|part| url.to_lowercase().contains(part))
    };
    config.database.as_ref().is_some_and(is_socket)
}

fn apply(
    config: &Config,
    what: &'static str,
    confine: impl FnOnce() -> Result<(), ConfineError>,
) -> Result<(), ConfineError> {
    if config.confinement == Confinement::Off {
        return Ok(());
    }
    match confine() {
        Err(error) if config.confinement == Confinement::Auto => {
            tracing::warn!(error = %alga_errors::chain(&error), what, "this process is confined in part or not at all");
            Ok(())
        }
        confined => confined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_another_user_left_under_the_name_of_the_map_is_replaced_and_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let (map, other) = (directory.path().join("map"), directory.path().join("other"));
        fs::write(&other, "theirs").unwrap();
        symlink(&other, &map).unwrap();
        for _ in 0..2 {
            create_perf_map(&map).unwrap();
            assert!(fs::symlink_metadata(&map).unwrap().is_file());
        }
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
        // A directory is not removed.
        assert!(create_perf_map(directory.path()).is_err());
    }
}
