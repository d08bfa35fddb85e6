use crate::files::{BUNDLE, read, read_manifest, write};
use crate::outcome::{Failed, Outcome, Place};
use crate::printer::Printer;
use alga_bundle::{Bundle, EntryPath, Manifest};
use alga_capabilities::{inert, known};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The extension's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the bundle goes (default: dist/bundle.tar.zst in the folder)
    #[arg(long)]
    out: Option<PathBuf>,
    /// Pack the files of another archive anew, such as AlgaPSA's own command makes: unsorted, with folders and extensions
    #[arg(long, conflicts_with_all = ["folder", "component"])]
    from: Option<PathBuf>,
    /// The component, if it is not where the manifest says
    #[arg(long)]
    component: Option<PathBuf>,
}

/// What is packed when it is there, beside manifest and component.
const ASSET_FOLDER: &str = "ui";
const SBOM: &str = "sbom.spdx.json";

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let mut files = match &arguments.from {
        Some(archive) => files_of(archive)?,
        None => files_in(arguments)?,
    };
    without_files_and_sockets(&mut files, printer)?;
    let folder = &arguments.folder;
    let packed = alga_bundle::pack(&files).user("packing")?;
    // What a registry would refuse is refused here.
    let bundle = Bundle::read(&packed, known()).user(&folder.display().to_string())?;
    if let Some(pattern) = bundle.manifest().everybody() {
        let failed = Failed::user(format!(
            "$.egress: `{pattern}` is everybody: anyone can have a name under this suffix"
        ));
        return Err(failed.with_hint("name the hosts that are meant"));
    }
    let out = arguments.out.clone().unwrap_or_else(|| folder.join(BUNDLE));
    write(&out, &packed)?;
    for name in &bundle.proof().unused {
        printer.note(&format!(
            "warning: \"{name}\" is declared in $.capabilities, but the component does not import it"
        ));
    }
    let facts = json!({ "bundle": out, "contentHash": bundle.digest(), "bytes": packed.len(), "files": files.len() });
    printer.facts(&facts, || {
        format!("{} ({} bytes)\n{}", out.display(), packed.len(), bundle.digest())
    });
    Ok(())
}

/// What a toolchain imports and no extension has is answered inside the component; without it, a registry would refuse the component.
fn without_files_and_sockets(files: &mut BTreeMap<EntryPath, Vec<u8>>, printer: &Printer) -> Outcome {
    let manifest = files
        .get(&entry("manifest.json")?)
        .map(Vec::as_slice)
        .unwrap_or_default();
    // A manifest that is none, and a component that is none, are told by the rules for bundles.
    let Ok(manifest) = Manifest::parse(manifest, known()) else {
        return Ok(());
    };
    let Some(component) = files.get_mut(&entry(&manifest.entry)?) else {
        return Ok(());
    };
    if let Ok(Some(composed)) = inert(component) {
        *component = composed;
        printer.note("note: the component imports files or sockets, which no extension has; they are answered inside it now: no folders, no sockets");
    }
    Ok(())
}

/// The files of an archive that need not be canonical; what no bundle may have is refused here, too.
fn files_of(archive: &Path) -> Outcome<BTreeMap<EntryPath, Vec<u8>>> {
    let bytes = read(archive, "")?;
    let place = archive.display().to_string();
    alga_bundle::unpack_foreign(&bytes).user(&place)
}

fn files_in(arguments: &Arguments) -> Outcome<BTreeMap<EntryPath, Vec<u8>>> {
    let folder = &arguments.folder;
    let (manifest_bytes, manifest) = read_manifest(folder)?;
    let component = arguments
        .component
        .clone()
        .unwrap_or_else(|| folder.join(&manifest.entry));
    let mut files = BTreeMap::from([(entry("manifest.json")?, manifest_bytes)]);
    files.insert(entry(&manifest.entry)?, read(&component, "build it with `alga build`")?);
    let sbom = manifest.sbom.as_deref().unwrap_or(SBOM);
    if folder.join(sbom).exists() {
        files.insert(entry(sbom)?, read(&folder.join(sbom), "")?);
    }
    add_folder(&folder.join(ASSET_FOLDER), ASSET_FOLDER, &mut files)?;
    Ok(files)
}

fn entry(path: &str) -> Outcome<EntryPath> {
    path.parse().user(path)
}

fn add_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<EntryPath, Vec<u8>>) -> Outcome {
    if !folder.is_dir() {
        return Ok(());
    }
    for found in fs::read_dir(folder).user(&folder.display().to_string())? {
        let found = found.user(&folder.display().to_string())?;
        let path = format!("{prefix}/{}", found.file_name().to_string_lossy());
        let kind = found.file_type().user(&path)?;
        if kind.is_dir() {
            add_folder(&found.path(), &path, files)?;
        } else if kind.is_file() {
            files.insert(entry(&path)?, read(&found.path(), "")?);
        } else {
            return Err(Failed::user(format!("`{path}` is neither a file nor a folder"))
                .with_hint("a bundle has no links; copy the file"));
        }
    }
    Ok(())
}
