use crate::assets::{Assets, is_never_packed};
use crate::escape::escape_line;
use crate::files::{BUNDLE, read, read_manifest, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::page_check;
use crate::printer::Printer;
use alga_bundle::limits::Ceilings;
use alga_bundle::{Bundle, ComponentFacts, EntryPath, Manifest, Version};
use alga_capabilities::{Adapted, adapt_function, adapt_legacy, adapt_standard, known, stub_unsupported_imports};
use alga_toolchain::{encode_component, is_module};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of the extension
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Output path of the bundle (default: dist/bundle.tar.zst in the directory)
    #[arg(long)]
    out: Option<PathBuf>,
    /// Repack the files of another archive, such as one by AlgaPSA's own command: unsorted, with
    /// directories and tar extensions
    #[arg(long, conflicts_with_all = ["directory", "component"])]
    from: Option<PathBuf>,
    /// Version to pack, instead of the manifest's
    #[arg(long, value_name = "VERSION")]
    as_version: Option<Version>,
    /// Path of the component, if not the one in the manifest
    #[arg(long)]
    component: Option<PathBuf>,
    /// Compress in a tenth of the time, into a larger bundle: for one that is replaced soon
    #[arg(long)]
    quick: bool,
}

/// Files by their paths in the bundle.
type Files = BTreeMap<EntryPath, Vec<u8>>;

/// The directory and the file that are packed if they exist, beside manifest and component.
const ASSET_DIRECTORY: &str = "ui";
const SBOM: &str = "sbom.spdx.json";

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (mut files, left_out) = match &arguments.from {
        Some(archive) => files_of(archive)?,
        None => files_in(arguments)?,
    };
    if let Some(version) = &arguments.as_version {
        set_version(&mut files, version)?;
    }
    adapt(&mut files, printer)?;
    let directory = &arguments.directory;
    let pack = if arguments.quick {
        alga_bundle::pack_quickly
    } else {
        alga_bundle::pack
    };
    let packed = pack(&files).user_error("packing")?;
    // Bundles that a registry would refuse are refused here.
    let bundle = Bundle::read(&packed, known()).user_error("cannot pack")?;
    if let Some(pattern) = bundle.manifest().public_suffix_wildcard() {
        let failed = CliError::user(format!(
            "$.egress: `{pattern}` is a wildcard over a public suffix; anyone can register a matching domain"
        ));
        return Err(failed.with_hint("list the individual hosts"));
    }
    let checked = bundle.check_ceilings(&Ceilings::default());
    checked.user_error("cannot pack")?;
    let out = arguments.out.clone().unwrap_or_else(|| directory.join(BUNDLE));
    write(&out, &packed)?;
    let entry = bundle.manifest().ui.as_ref().map_or("", |ui| ui.entry.as_str());
    let page_warnings = page_check::warnings(&files, entry);
    warn(&bundle, &page_warnings, printer);
    let file_sizes: BTreeMap<String, usize> = bundle
        .entries()
        .map(|(path, bytes)| (path.to_string(), bytes))
        .collect();
    let warnings = [bundle.manifest().overlaps(), page_warnings].concat();
    let facts = json!({
        "bundle": out, "contentHash": bundle.digest(), "bytes": packed.len(), "files": file_sizes, "leftOut": left_out,
        "warnings": warnings,
    });
    printer.output(&facts, || {
        let mut text = format!("{} ({} bytes)\n{}", out.display(), packed.len(), bundle.digest());
        for (path, bytes) in &file_sizes {
            text.push_str(&format!("\n  {path} ({bytes} bytes)"));
        }
        for path in &left_out {
            text.push_str(&format!("\n  left out: {}", escape_line(path)));
        }
        text
    });
    Ok(())
}

/// Replaces the version in the manifest.
fn set_version(files: &mut Files, version: &Version) -> Outcome {
    if let Some(bytes) = files.get_mut(&entry("manifest.json")?) {
        let mut manifest: Value = serde_json::from_slice(bytes).user_error("manifest.json")?;
        if let Some(field) = manifest.get_mut("version") {
            *field = json!(version.to_string());
        }
        *bytes = manifest.to_string().into_bytes();
    }
    Ok(())
}

/// Prints warnings, which do not fail the command.
fn warn(bundle: &Bundle, of_page: &[String], printer: &Printer) {
    for name in &bundle.proof().unused {
        printer.note(&format!(
            "warning: \"{name}\" is declared in $.capabilities, but the component does not import it"
        ));
    }
    for warning in bundle.manifest().overlaps().iter().chain(of_page) {
        printer.note(&format!("warning: {}", escape_line(warning)));
    }
}

/// Composes adapters in front of a component that this platform would refuse: of AlgaPSA's runner,
/// with proposals of WASI, or with imports of files and sockets, which toolchains add and no
/// extension has.
fn adapt(files: &mut BTreeMap<EntryPath, Vec<u8>>, printer: &Printer) -> Outcome {
    let manifest = files
        .get(&entry("manifest.json")?)
        .map(Vec::as_slice)
        .unwrap_or_default();
    // An invalid manifest or component is reported later, when the bundle is read.
    let Ok(manifest) = Manifest::parse(manifest, known()) else {
        return Ok(());
    };
    let Some(component) = files.get_mut(&entry(&manifest.entry)?) else {
        return Ok(());
    };
    if is_module(component) {
        *component = encode_component(component).user_error(&manifest.entry)?;
        printer.note("note: the file is a core module; the bundle has the component that it was wrapped into");
    }
    if ComponentFacts::read(component).is_err() {
        return Ok(());
    }
    if let Some(composed) = adapt_legacy(component).user_error("cannot pack")? {
        *component = composed;
        printer.note("note: the component was built for AlgaPSA's runner (world alga:extension/runner); adapters for its interfaces are composed with it");
    }
    for adapt in [adapt_function, adapt_standard] {
        let Some(Adapted {
            component: composed,
            satisfied,
        }) = adapt(component).user_error("cannot pack")?
        else {
            continue;
        };
        *component = composed;
        printer.note(&format!(
            "note: adapters for {} are composed with the component",
            satisfied.join(", ")
        ));
    }
    if let Ok(Some(composed)) = stub_unsupported_imports(component) {
        *component = composed;
        printer.note("note: the component imports files or sockets, which no extension has; they are stubbed inside it: no directories, no sockets");
    }
    Ok(())
}

/// Reads the files of an archive that need not be canonical; entries that no bundle may have are
/// refused here, too.
fn files_of(archive: &Path) -> Outcome<(Files, Vec<String>)> {
    let bytes = read(archive, "")?;
    let context = archive.display().to_string();
    let files = alga_bundle::unpack_foreign(&bytes).user_error(&context)?;
    let (left_out, packed): (Files, Files) = files.into_iter().partition(|(path, _)| is_never_packed(path.as_str()));
    let left_out = left_out.into_keys().map(|path| format!("{path} (hidden or ignored)"));
    Ok((packed, left_out.collect()))
}

/// Reads the files of an extension's directory; also returns the paths that were left out.
fn files_in(arguments: &Arguments) -> Outcome<(Files, Vec<String>)> {
    let directory = &arguments.directory;
    let (manifest_bytes, manifest) = read_manifest(directory)?;
    let component = arguments
        .component
        .clone()
        .unwrap_or_else(|| directory.join(&manifest.entry));
    let mut files = BTreeMap::from([(entry("manifest.json")?, manifest_bytes)]);
    if !(manifest.is_page_alone() && arguments.component.is_none() && !component.exists()) {
        files.insert(entry(&manifest.entry)?, read(&component, "build it with `alga build`")?);
    }
    let sbom = manifest.sbom.as_deref().unwrap_or(SBOM);
    if directory.join(sbom).exists() {
        files.insert(entry(sbom)?, read(&directory.join(sbom), "")?);
    }
    let assets = Assets::find(directory, ASSET_DIRECTORY, &manifest)?;
    for path in &assets.packed {
        files.insert(entry(path)?, read(&directory.join(path), "")?);
    }
    Ok((files, assets.left_out))
}

fn entry(path: &str) -> Outcome<EntryPath> {
    path.parse().user_error(path)
}
