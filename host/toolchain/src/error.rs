use std::path::PathBuf;

/// Reason why an extension could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// The target is not installed, and it could not be set up.
    #[error(
        "no standard library for wasm32-unknown-unknown on this machine ({reason})\n\
         hint: do one of these, then try again:\n  \
         - rustup target add wasm32-unknown-unknown\n  \
         - alga build --install-toolchain              (as root; runs the next command)\n  \
         - apt-get install rustc-web rust-web-src      (Debian 12 or newer, with security updates)"
    )]
    NoTarget {
        /// Reason why the last attempt failed.
        reason: String,
    },
    /// A required program could not be started.
    #[error("could not run `{program}`")]
    Spawn {
        /// Name of the program.
        program: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A program failed; its output is on the terminal already, or in `output`.
    #[error("`{program}` failed{output}")]
    Failed {
        /// Name of the program.
        program: String,
        /// Output of the program, if it was not shown while it ran.
        output: String,
    },
    /// A file could not be read or written.
    #[error("{}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The build produced no WebAssembly.
    #[error("the build of {} made no .wasm file\nhint: the crate needs `[lib] crate-type = [\"cdylib\"]`", manifest.display())]
    NothingBuilt {
        /// The crate's manifest.
        manifest: PathBuf,
    },
}

impl ToolchainError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
