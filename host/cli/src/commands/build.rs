use crate::files::{read, write};
use crate::outcome::{Outcome, Place};
use crate::printer::Printer;
use alga_toolchain::{BuildRequest, GuestToolchain, Size, encode_component};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The extension's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the component goes (default: dist/main.wasm in the folder)
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder for what is built once and used again
    #[arg(long, env = "ALGA_TOOLCHAIN_CACHE")]
    cache: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let cache = arguments.cache.clone().unwrap_or_else(user_cache);
    let toolchain = GuestToolchain::find(&cache, &|step| printer.note(step)).user("")?;
    let artifacts = toolchain
        .build(&BuildRequest {
            manifest: &arguments.folder.join("Cargo.toml"),
            packages: &[],
            target_directory: &arguments.folder.join("target"),
            size: Size::Smallest,
            quiet: false,
        })
        .user("")?;
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| arguments.folder.join("dist/main.wasm"));
    for artifact in &artifacts {
        let module = read(&artifact.module, "")?;
        let component = encode_component(&module).user(&artifact.name)?;
        write(&out, &component)?;
        let facts = json!({ "component": out, "bytes": component.len() });
        printer.facts(&facts, || format!("{} ({} bytes)", out.display(), component.len()));
    }
    Ok(())
}

/// `$XDG_CACHE_HOME/alga` or `~/.cache/alga` (XDG base directory specification).
fn user_cache() -> PathBuf {
    let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    xdg.or_else(home).unwrap_or_else(std::env::temp_dir).join("alga")
}
