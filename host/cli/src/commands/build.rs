use super::new::sdk_of_this_checkout;
use crate::files::{COMPONENT, read, write};
use crate::javascript;
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::page;
use crate::printer::Printer;
use crate::python;
use crate::symbols::Symbols;
use alga_toolchain::{BuildRequest, GuestToolchain, Packages, Size, encode_component, split_names};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// End of the name of a file of symbols, in place of `wasm`.
const SYMBOLS: &str = "symbols.json";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of the extension
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Output path of the component (default: dist/main.wasm in the directory)
    #[arg(long)]
    out: Option<PathBuf>,
    /// Cache directory of the toolchain
    #[arg(long, env = "ALGA_TOOLCHAIN_CACHE", hide_env_values = true)]
    cache: Option<PathBuf>,
    /// Target directory for this extension only [default: one in the cache, shared by all
    /// extensions of this SDK version]
    #[arg(long, env = "CARGO_TARGET_DIR", hide_env_values = true)]
    target_dir: Option<PathBuf>,
    /// Directory of the guest SDK, for an extension in Python, TypeScript or JavaScript
    #[arg(long, env = "ALGA_SDK", hide_env_values = true, default_value_os_t = sdk_of_this_checkout())]
    sdk: PathBuf,
    /// Build an extension in Rust in less time, into a larger component, which has the names of
    /// its functions
    #[arg(long)]
    quick: bool,
    /// Retain the names of functions of an extension in Rust, for traps and `alga profile`
    #[arg(long)]
    names: bool,
    /// Write the names of functions of an extension in Rust into a file beside the component, in
    /// place of the component: for `--symbols` of `alga logs` and `alga profile`
    #[arg(long, conflicts_with_all = ["quick", "names"])]
    symbols: bool,
    /// Install a compiler for WebAssembly with apt-get if none is found (as root)
    #[arg(long)]
    install_toolchain: bool,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let manifest = arguments.directory.join("Cargo.toml");
    if arguments.symbols && !manifest.is_file() && has_no_names(&arguments.directory) {
        return Err(CliError::user("`--symbols` is for extensions in Rust"));
    }
    page::build(&arguments.directory, printer)?;
    let cache = arguments.cache.clone().unwrap_or_else(user_cache);
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| arguments.directory.join(COMPONENT));
    let built = |component: &[u8]| -> Outcome {
        write(&out, component)?;
        let facts = json!({ "component": out, "bytes": component.len() });
        printer.output(&facts, || format!("{} ({} bytes)", out.display(), component.len()));
        Ok(())
    };
    if !manifest.is_file() && arguments.directory.join(python::SOURCE).is_file() {
        return built(&python::build(&arguments.directory, &arguments.sdk, &cache, printer)?);
    }
    if let Some(source) = javascript::source(&arguments.directory).filter(|_| !manifest.is_file()) {
        let component = javascript::build(&arguments.directory, source, &arguments.sdk, &cache, printer)?;
        return built(&component);
    }
    if !manifest.is_file() {
        let failed = CliError::user(format!("`{}` does not exist", manifest.display()));
        return Err(failed.with_hint("run this in the extension's directory or pass its path; `alga new` creates one"));
    }
    let packages = if arguments.install_toolchain {
        Packages::Install
    } else {
        Packages::AsInstalled
    };
    let toolchain = GuestToolchain::find(&cache, packages, &|step| printer.note(step)).user_error("")?;
    // Cargo would build everything again if all kinds of builds had one directory.
    let names = arguments.names || arguments.symbols;
    let kind = match (arguments.quick, names) {
        (true, _) => "quick-",
        (false, true) => "names-",
        (false, false) => "",
    };
    let shared = cache
        .join("targets")
        .join(format!("{kind}{}", env!("CARGO_PKG_VERSION")));
    let request = BuildRequest {
        manifest: &manifest,
        packages: &[],
        target_directory: arguments.target_dir.as_ref().unwrap_or(&shared),
        size: if arguments.quick { Size::Quick } else { Size::Smallest },
        names,
        quiet: false,
    };
    let compiled = toolchain.build_shared(&request, |artifacts| {
        artifacts.iter().try_for_each(|artifact| {
            let mut module = read(&artifact.module, "")?;
            if arguments.symbols {
                let (stripped, functions) = split_names(&module).user_error(&artifact.name)?;
                Symbols::new(functions).write(&out.with_extension(SYMBOLS))?;
                module = stripped;
            }
            let component = encode_component(&module).user_error(&artifact.name)?;
            built(&component)
        })
    });
    compiled.user_error("")?
}

/// Reports whether an extension is in a language whose functions are not those of the component.
fn has_no_names(directory: &Path) -> bool {
    directory.join(python::SOURCE).is_file() || javascript::source(directory).is_some()
}

/// Returns `$XDG_CACHE_HOME/alga` or `~/.cache/alga` (XDG base directory specification).
pub(super) fn user_cache() -> PathBuf {
    let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    xdg.or_else(home).unwrap_or_else(std::env::temp_dir).join("alga")
}
