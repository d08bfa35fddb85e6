//! Files that several commands share, with their default places in an extension's folder.

use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::{Bundle, Manifest};
use alga_capabilities::known;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where `alga build` puts the component.
pub(crate) const COMPONENT: &str = "dist/main.wasm";
/// Where `alga pack` puts the bundle.
pub(crate) const BUNDLE: &str = "dist/bundle.tar.zst";
/// Where `alga keygen` puts the key, beside the project, never in the bundle.
pub(crate) const KEY: &str = "signing.key";
/// Where `alga keygen` puts the trust bundle.
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
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).user_error(&format!("could not make `{}`", folder.display()))?;
    }
    fs::write(path, bytes).user_error(&format!("could not write `{}`", path.display()))
}

/// A file for this user alone; one that is there stays.
pub(crate) fn write_secret(path: &Path, text: &str) -> Outcome {
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    let place = format!("could not write `{}`", path.display());
    let mut file = opened
        .user_error(&place)
        .map_err(|failed| failed.with_hint("a key that is there is not overwritten; move it away first"))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .user_error(&place)
}

/// A secret from a file, or from standard input as `-`, without the one line end that editors put at the end, of either kind; says so.
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
        "note: the line end at the end of `{}` is not a part of the secret",
        path.display()
    ));
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

pub(crate) fn read_bundle(path: &Path) -> Outcome<(Vec<u8>, Bundle)> {
    let bytes = read(path, "make it with `alga pack`")?;
    let bundle = Bundle::read(&bytes, known()).user_error(&format!("`{}` is not a bundle", path.display()))?;
    Ok((bytes, bundle))
}

pub(crate) fn read_manifest(folder: &Path) -> Outcome<(Vec<u8>, Manifest)> {
    let path = folder.join("manifest.json");
    let bytes = read(&path, "an extension's folder has one; `alga new` makes it")?;
    let manifest = Manifest::parse(&bytes, known()).user_error(&path.display().to_string())?;
    Ok((bytes, manifest))
}

/// `bundle.tar.zst` → `bundle.sigs.json`.
pub(crate) fn signatures_path(bundle: &Path) -> PathBuf {
    let name = bundle
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stem = name.strip_suffix(".tar.zst").unwrap_or(&name);
    bundle.with_file_name(format!("{stem}.sigs.json"))
}
