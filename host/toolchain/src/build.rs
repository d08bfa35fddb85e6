//! Runs cargo for extensions and finds the modules that it built.

use crate::debian::RUSTFLAGS_VARIABLE;
use crate::{GuestToolchain, TARGET, ToolchainError, paths};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Parameters of a build.
#[derive(Debug, Clone)]
pub struct BuildRequest<'a> {
    /// The `Cargo.toml` of the crate or workspace.
    pub manifest: &'a Path,
    /// Packages of that workspace; if empty, cargo's default.
    pub packages: &'a [&'a str],
    /// Target directory of cargo, for extensions only, because their compiler may be another one.
    pub target_directory: &'a Path,
    /// Small for publishing, quick for tests.
    pub size: Size,
    /// True to retain the names of functions, for traps and profiles; a component is larger by
    /// them. Quick builds have them in any case.
    pub names: bool,
    /// True to suppress cargo's own progress.
    pub quiet: bool,
}

impl BuildRequest<'_> {
    fn has_names(&self) -> bool {
        self.names || self.size == Size::Quick
    }
}

/// Trade-off between build time and the size of the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Link-time optimization over everything, for publishing.
    Smallest,
    /// No link-time optimization, for many test guests in little time.
    Quick,
    /// Link-time optimization for speed, for code that many extensions share.
    Fastest,
}

/// A core module that cargo built.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The name of the library or program, as in its manifest.
    pub name: String,
    /// The `.wasm` file, not yet a component.
    pub module: PathBuf,
    /// True if cargo did not have to build it again.
    is_fresh: bool,
}

impl GuestToolchain {
    /// Builds and returns every `.wasm` artifact, in cargo's order.
    ///
    /// # Errors
    /// [`ToolchainError::Spawn`] if cargo cannot be started, [`ToolchainError::Failed`] if it fails
    /// (its own output has the reason), and [`ToolchainError::NothingBuilt`] if there is no `.wasm`
    /// file.
    pub fn build(&self, request: &BuildRequest<'_>) -> Result<Vec<Artifact>, ToolchainError> {
        let mut cargo = self.command(request);
        let spawn_failed = |source| ToolchainError::Spawn {
            program: "cargo".into(),
            source,
        };
        let output = cargo
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .output()
            .map_err(spawn_failed)?;
        if !output.status.success() {
            return Err(ToolchainError::Failed {
                program: "cargo build".into(),
                output: String::new(),
            });
        }
        let artifacts: Vec<_> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(wasm_artifact)
            .collect();
        if artifacts.is_empty() {
            return Err(ToolchainError::NothingBuilt {
                manifest: request.manifest.to_path_buf(),
            });
        }
        Ok(artifacts)
    }

    /// Builds in a target directory that several extensions share, so that their common
    /// dependencies are built once. Cargo names a library's file after its crate alone: two
    /// extensions whose crates have the same name would each use the other's file. `consume` reads
    /// the modules while a lock excludes other builds in the directory.
    ///
    /// # Errors
    /// The errors of [`Self::build`], and [`ToolchainError::File`] if the directory cannot be
    /// written.
    pub fn build_shared<T>(
        &self,
        request: &BuildRequest<'_>,
        consume: impl FnOnce(&[Artifact]) -> T,
    ) -> Result<T, ToolchainError> {
        let owners = request.target_directory.join("owners");
        fs::create_dir_all(&owners).map_err(ToolchainError::file(&owners))?;
        let lock = owners.join(".lock");
        let held = File::create(&lock).map_err(ToolchainError::file(&lock))?;
        held.lock().map_err(ToolchainError::file(&lock))?;
        let project = request
            .manifest
            .canonicalize()
            .unwrap_or_else(|_| request.manifest.to_path_buf());
        let project = project.display().to_string();
        // A fresh artifact belongs to this project only if it is unchanged since this project's
        // last build: a build of another project that failed or was interrupted may have linked its
        // own since.
        let is_another = |artifact: &&Artifact| {
            let left = fs::read_to_string(owners.join(&artifact.name)).unwrap_or_default();
            artifact.is_fresh && left != left_by(&project, &artifact.module)
        };
        let mut artifacts = self.build(request)?;
        let another: Vec<&Artifact> = artifacts.iter().filter(is_another).collect();
        if !another.is_empty() {
            for artifact in another {
                remove_outputs(&artifact.module);
            }
            artifacts = self.build(request)?;
        }
        for artifact in &artifacts {
            let owner = owners.join(&artifact.name);
            fs::write(&owner, left_by(&project, &artifact.module)).map_err(ToolchainError::file(&owner))?;
        }
        Ok(consume(&artifacts))
    }

    fn command(&self, request: &BuildRequest<'_>) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args([
            "build",
            "--release",
            "--target",
            TARGET,
            "--message-format=json-render-diagnostics",
        ]);
        cargo
            .arg("--manifest-path")
            .arg(request.manifest)
            .arg("--target-dir")
            .arg(request.target_directory);
        for package in request.packages {
            cargo.args(["--package", package]);
        }
        if request.quiet {
            cargo.arg("--quiet");
        }
        let (lto, units, level) = match request.size {
            Size::Smallest => ("fat", "1", "s"),
            Size::Quick => ("off", "16", "s"),
            Size::Fastest => ("fat", "1", "3"),
        };
        cargo
            .env("CARGO_PROFILE_RELEASE_LTO", lto)
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", units);
        cargo
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level)
            .env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        let strip = if request.has_names() { "debuginfo" } else { "true" };
        cargo
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_STRIP", strip);
        for name in [
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
        ] {
            cargo.env_remove(name);
        }
        cargo.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let flags = self.environment.iter().find(|(name, _)| *name == RUSTFLAGS_VARIABLE);
        let flags = flags.map(|(_, flags)| flags.as_str()).unwrap_or_default();
        cargo.env(RUSTFLAGS_VARIABLE, format!("{flags}{}", paths::flags(request.manifest)));
        cargo
    }
}

/// Identifies the build that left a module: the project, and the module's modification time and
/// size.
fn left_by(project: &str, module: &Path) -> String {
    let metadata = fs::metadata(module).ok();
    let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    let since = changed.and_then(|changed| changed.duration_since(std::time::UNIX_EPOCH).ok());
    format!(
        "{project}\n{} {}\n",
        since.map(|since| since.as_nanos()).unwrap_or_default(),
        metadata.map(|metadata| metadata.len()).unwrap_or_default()
    )
}

/// Removes a module and the file of the same name that cargo links it from, so that cargo builds it
/// again.
fn remove_outputs(module: &Path) {
    fs::remove_file(module).ok();
    if let (Some(directory), Some(name)) = (module.parent(), module.file_name()) {
        fs::remove_file(directory.join("deps").join(name)).ok();
    }
}

/// Reads one line of cargo's JSON messages; returns its `.wasm` artifact, if any.
fn wasm_artifact(line: &str) -> Option<Artifact> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message.get("reason")? != "compiler-artifact" {
        return None;
    }
    let name = message.get("target")?.get("name")?.as_str()?.to_owned();
    let files = message
        .get("filenames")?
        .as_array()?
        .iter()
        .filter_map(|file| file.as_str());
    let module = files
        .map(PathBuf::from)
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))?;
    let is_fresh = message
        .get("fresh")
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(false);
    Some(Artifact { name, module, is_fresh })
}
