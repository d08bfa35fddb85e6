//! The order of attempts (see the crate's documentation).

use crate::{Progress, TARGET, ToolchainError, sysroot};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A way to build for [`TARGET`] that works on this machine.
#[derive(Debug, Clone)]
pub struct GuestToolchain {
    /// Environment that cargo needs.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl GuestToolchain {
    /// Finds a way, making one if that is allowed. `cache` holds what is built once.
    ///
    /// # Errors
    /// [`ToolchainError::NoTarget`] with what the reader can do.
    pub fn find(cache: &Path, progress: Progress<'_>) -> Result<Self, ToolchainError> {
        if target_is_installed() {
            return Ok(Self::plain());
        }
        if downloads_are_allowed() {
            progress("adding the wasm32-unknown-unknown target with rustup");
            run_quietly(Command::new("rustup").args(["target", "add", TARGET])).ok();
            if target_is_installed() {
                return Ok(Self::plain());
            }
        }
        let compiler = match DebianCompiler::find() {
            Some(compiler) => compiler,
            None => DebianCompiler::install(progress)?,
        };
        let sysroot = sysroot::ensure(&compiler, cache, progress)?;
        Ok(Self {
            environment: compiler.environment(&sysroot),
        })
    }
}

impl GuestToolchain {
    /// The target is simply installed.
    fn plain() -> Self {
        Self {
            environment: vec![(RUSTFLAGS_VARIABLE, GUEST_RUSTFLAGS.to_owned())],
        }
    }
}

const RUSTFLAGS_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
/// 64 KiB of stack, what C toolchains for WebAssembly give, instead of the linker's 1 MiB: the host wipes a guest's whole memory after every request, so memory that is
/// reserved and hardly used is paid for by everybody.
const GUEST_RUSTFLAGS: &str = "-Clink-arg=-zstack-size=65536";

/// A rustc that comes with the source of its library.
pub(crate) struct DebianCompiler {
    pub(crate) rustc: PathBuf,
    pub(crate) linker: PathBuf,
}

impl DebianCompiler {
    const RUSTC: &'static str = "/usr/bin/rustc";
    const PACKAGES: [&'static str; 2] = ["rustc-web", "rust-web-src"];

    fn find() -> Option<Self> {
        let rustc = PathBuf::from(Self::RUSTC);
        let root = output_of(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let source = Path::new(&root).join("lib/rustlib/src/rust/library/std/Cargo.toml");
        source.exists().then_some(())?;
        // Debian has had this package in several versions; extensions need what the SDK needs.
        is_recent_enough(&output_of(Command::new(&rustc).arg("--version"))?).then_some(())?;
        Some(Self {
            rustc,
            linker: wasm_linker()?,
        })
    }

    fn install(progress: Progress<'_>) -> Result<Self, ToolchainError> {
        let missing = |reason: &str| ToolchainError::NoTarget {
            reason: reason.to_owned(),
        };
        if output_of(Command::new("id").arg("-u")).as_deref() != Some("0") {
            return Err(missing("not root, so no package was installed"));
        }
        progress("installing Debian's rustc-web and rust-web-src with apt-get (as root)");
        // First the lists: stale ones offer a compiler that is too old. Where they cannot be had, those that are there may do.
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

    fn environment(&self, sysroot: &Path) -> Vec<(&'static str, String)> {
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

/// Whether `rustc 1.96.0 (…)` is at least the version that this workspace asks for.
fn is_recent_enough(version: &str) -> bool {
    let numbers = |text: &str| {
        let mut numbers = text.split('.').map_while(|part| part.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    let found = version.split(' ').nth(1).and_then(numbers);
    found >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

fn target_is_installed() -> bool {
    let libdir = output_of(rustc().args(["--print", "target-libdir", "--target", TARGET]));
    libdir.is_some_and(|folder| Path::new(&folder).is_dir())
}

fn downloads_are_allowed() -> bool {
    env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0")
}

/// rustup's lld, which every rustup toolchain has, else one from the system.
fn wasm_linker() -> Option<PathBuf> {
    let beside_rustc = output_of(rustc().args(["--print", "target-libdir"]))
        .map(|libdir| Path::new(&libdir).with_file_name("bin").join("rust-lld"));
    let on_system = ["/usr/bin/rust-lld", "/usr/bin/wasm-ld", "/usr/bin/lld"].map(PathBuf::from);
    beside_rustc.into_iter().chain(on_system).find(|path| path.exists())
}

fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

/// Runs a program whose output matters only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<(), ToolchainError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| ToolchainError::Spawn {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!(
        ":\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Err(ToolchainError::Failed { program, output: text })
}

#[cfg(test)]
mod tests {
    use super::is_recent_enough;

    #[test]
    fn a_compiler_that_is_too_old_for_the_sdk_is_not_taken() {
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
