//! Debian's compiler, which comes with the source of its standard library.

use crate::process::{output_of, run_quietly, rustc};
use crate::{Progress, ToolchainError};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const RUSTFLAGS_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
/// Stack of 64 KiB, as C toolchains for WebAssembly set it, instead of the linker's 1 MiB: the host
/// wipes a guest's whole memory after every request, so every request pays for memory that is
/// reserved and hardly used.
pub(crate) const GUEST_RUSTFLAGS: &str = "-Clink-arg=-zstack-size=65536";

/// A rustc with the source of its standard library.
pub(crate) struct DebianCompiler {
    pub(crate) rustc: PathBuf,
    pub(crate) linker: PathBuf,
}

impl DebianCompiler {
    const RUSTC: &'static str = "/usr/bin/rustc";
    const PACKAGES: [&'static str; 2] = ["rustc-web", "rust-web-src"];

    pub(crate) fn find() -> Option<Self> {
        let rustc = PathBuf::from(Self::RUSTC);
        let root = output_of(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let source = Path::new(&root).join("lib/rustlib/src/rust/library/std/Cargo.toml");
        source.exists().then_some(())?;
        // Debian has had several versions of this package; extensions need at least the SDK's Rust
        // version.
        is_recent_enough(&output_of(Command::new(&rustc).arg("--version"))?).then_some(())?;
        Some(Self {
            rustc,
            linker: wasm_linker()?,
        })
    }

    pub(crate) fn install(progress: Progress<'_>) -> Result<Self, ToolchainError> {
        let missing = |reason: &str| ToolchainError::NoTarget {
            reason: reason.to_owned(),
        };
        if output_of(Command::new("id").arg("-u")).as_deref() != Some("0") {
            return Err(missing("not root, so no package was installed"));
        }
        progress("installing Debian's rustc-web and rust-web-src with apt-get (as root)");
        // Update the package lists first: stale ones offer a compiler that is too old. If that
        // fails, the existing lists may suffice.
        run_quietly(Command::new("apt-get").arg("update")).ok();
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
            .args(["install", "--yes", "--no-install-recommends"])
            .args(Self::PACKAGES);
        run_quietly(&mut command)?;
        Self::find().ok_or_else(|| {
            missing(concat!(
                "Debian's packages are installed, but are older than Rust ",
                env!("CARGO_PKG_RUST_VERSION"),
                ", or have no library source or no linker beside them"
            ))
        })
    }

    pub(crate) fn environment(&self, sysroot: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("RUSTC", self.rustc.display().to_string()),
            (
                RUSTFLAGS_VARIABLE,
                format!("--sysroot={} {GUEST_RUSTFLAGS}", sysroot.display()),
            ),
            (
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                self.linker.display().to_string(),
            ),
        ]
    }
}

/// True if `rustc 1.96.0 (…)` is at least the version that this workspace requires.
fn is_recent_enough(version: &str) -> bool {
    let numbers = |text: &str| {
        let mut numbers = text.split('.').map_while(|part| part.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    let found = version.split(' ').nth(1).and_then(numbers);
    found >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

/// Returns rustup's lld, which every rustup toolchain has, else one from the system.
fn wasm_linker() -> Option<PathBuf> {
    let beside_rustc = output_of(rustc().args(["--print", "target-libdir"]))
        .map(|libdir| Path::new(&libdir).with_file_name("bin").join("rust-lld"));
    let on_system = ["/usr/bin/rust-lld", "/usr/bin/wasm-ld", "/usr/bin/lld"].map(PathBuf::from);
    beside_rustc.into_iter().chain(on_system).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::is_recent_enough;

    #[test]
    fn a_rust_compiler_that_is_too_old_for_the_sdk_is_rejected() {
        assert!(is_recent_enough("rustc 1.96.0 (ac68faa20 2026-05-01)"));
        assert!(is_recent_enough("rustc 2.0.0"));
        for old in [
            "rustc 1.85.0 (4d91de4e4 2025-02-17) (built from a source tarball)",
            "rustc",
            "",
            "nonsense",
        ] {
            assert!(!is_recent_enough(old), "{old}");
        }
    }
}
