use std::path::PathBuf;

/// Why an extension could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// None of the four attempts worked.
    #[error(
        "no standard library for wasm32-unknown-unknown on this machine ({reason})\n\
         hint: do one of these, then try again:\n  \
         - rustup target add wasm32-unknown-unknown\n  \
         - apt-get install rustc-web rust-web-src      (Debian 12 or newer, with security updates)"
    )]
    NoTarget {
        /// What stood in the way of the last attempt.
        reason: String,
    },
    /// A program that is needed could not be started.
    #[error("could not run `{program}`")]
    Spawn {
        /// Its name.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ran and said no; what it printed is on the terminal already, or here.
    #[error("`{program}` failed{output}")]
    Failed {
        /// Its name.
        program: String,
        /// What it printed, when it was not shown while it ran.
        output: String,
    },
    /// A file could not be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
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
