//! Files that several commands share, with their default paths in an extension's directory.

use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::{Bundle, Manifest};
use alga_capabilities::known;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The path of the component that `alga build` writes.
pub(crate) const COMPONENT: &str = "dist/main.wasm";
/// The path of the bundle that `alga pack` writes.
pub(crate) const BUNDLE: &str = "dist/bundle.tar.zst";
/// The path of the private key that `alga keygen` writes; it is never packed into the bundle.
pub(crate) const KEY: &str = "signing.key";
/// The path of the trust bundle that `alga keygen` writes.
pub(crate) const TRUST: &str = "trust.json";

pub(crate) fn read(path: &Path, hint: &str) -> Outcome<Vec<u8>> {
    let failed = |failed: CliError| {
        if hint.is_empty() {
            failed
        } else {
            failed.with_hint(hint)
        }
    };
    fs::read(path)
        .user_error(&format!("could not read `{}`", path.display()))
        .map_err(failed)
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Outcome {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory).user_error(&format!("could not create `{}`", directory.display()))?;
    }
    fs::write(path, bytes).user_error(&format!("could not write `{}`", path.display()))
}

/// Copies a directory of text files, each changed by a function.
pub(crate) fn copy(from: &Path, to: &Path, change: &impl Fn(String) -> String) -> Outcome {
    let context = format!("could not read `{}`", from.display());
    for entry in from.read_dir().user_error(&context)? {
        let entry = entry.user_error(&context)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target, change)?;
        } else {
            let text = String::from_utf8(read(&path, "")?).user_error(&path.display().to_string())?;
            write(&target, change(text).as_bytes())?;
        }
    }
    Ok(())
}

/// Locks a directory of tools until the file is dropped, so that two builds do not install the same
/// tool at once.
pub(crate) fn lock(directory: &Path) -> Outcome<fs::File> {
    fs::create_dir_all(directory).user_error(&format!("could not create `{}`", directory.display()))?;
    let path = directory.join(".lock");
    let context = format!("could not lock `{}`", path.display());
    let file = fs::File::create(&path).user_error(&context)?;
    file.lock().user_error(&context)?;
    Ok(file)
}

/// Creates a file that only this user can access; fails if it already exists.
pub(crate) fn write_secret(path: &Path, text: &str) -> Outcome {
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    let context = format!("could not write `{}`", path.display());
    let mut file = opened
        .user_error(&context)
        .map_err(|failed| failed.with_hint("an existing key is not overwritten; move it away first"))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .user_error(&context)
}

/// Reads a secret from a file, or from standard input for `-`. Strips one trailing line ending (LF
/// or CRLF), which editors add, and prints a note if there was one.
pub(crate) fn read_secret(path: &Path, printer: &Printer) -> Outcome<String> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .user_error("could not read standard input")?;
        bytes
    } else {
        read(path, "")?
    };
    let text = String::from_utf8(bytes).user_error(&format!("`{}` is not text", path.display()))?;
    let Some(line) = text.strip_suffix('\n') else {
        return Ok(text);
    };
    printer.note(&format!(
        "note: the trailing line ending of `{}` is not part of the secret",
        path.display()
    ));
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

pub(crate) fn read_bundle(path: &Path) -> Outcome<(Vec<u8>, Bundle)> {
    let bytes = read(path, "make it with `alga pack`")?;
    let bundle = Bundle::read(&bytes, known()).user_error(&format!("`{}` is not a bundle", path.display()))?;
    Ok((bytes, bundle))
}

pub(crate) fn read_manifest(directory: &Path) -> Outcome<(Vec<u8>, Manifest)> {
    let path = in_directory(directory, "manifest.json");
    let bytes = read(&path, "`alga new` creates a directory that has one")?;
    let manifest = Manifest::parse(&bytes, known()).user_error(&path.display().to_string())?;
    Ok((bytes, manifest))
}

/// Returns the path of a file, without `./` in front of one in the current directory.
fn in_directory(directory: &Path, file: &str) -> PathBuf {
    if directory == Path::new(".") {
        PathBuf::from(file)
    } else {
        directory.join(file)
    }
}

/// Returns the path of the signatures: `bundle.tar.zst` → `bundle.sigs.json`.
pub(crate) fn signatures_path(bundle: &Path) -> PathBuf {
    let name = bundle
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stem = name.strip_suffix(".tar.zst").unwrap_or(&name);
    bundle.with_file_name(format!("{stem}.sigs.json"))
}
