//! The build of an extension in Python, which componentize-py makes a component of.

use crate::files::{copy, lock, read, read_manifest, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::{InterfaceName, Manifest};
use alga_capabilities::known;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source of an extension, with its class `Handler`.
pub(crate) const SOURCE: &str = "app.py";
/// The tool, in the version that the SDK is tested with.
const COMPONENTIZE: &str = "componentize-py==0.25.1";
/// The test runner, in the version that the SDK is tested with.
const PYTEST: &str = "pytest==9.2.0";
/// World of the extension, below its directory: written anew by each build.
const WORLD: &str = "dist/wit";
/// The client of HTTP whose messages are whole values.
const CLIENT: &str = "alga:http/client@1.0.0";
/// Begins the names of the interfaces that it replaces.
const HTTP: &str = "wasi:http/";
/// Use of HTTP's messages as resources.
const RESOURCES: &str = "use wasi:http/types@";

/// Builds `app.py` into a component. `sdk` is the directory of the guest SDK, `cache` the one for
/// tools.
pub(crate) fn build(directory: &Path, sdk: &Path, cache: &Path, printer: &Printer) -> Outcome<Vec<u8>> {
    let (_, manifest) = read_manifest(directory)?;
    // The tool runs in the extension's directory.
    let absolute = |path: &Path| std::path::absolute(path).user_error(&path.display().to_string());
    let (sdk, cache) = (absolute(sdk)?, absolute(cache)?);
    let componentize = ensure_tool(&cache.join("python"), printer)?;
    let packages = sdk.join("../wit");
    write_world(&directory.join(WORLD), &packages, &manifest)?;
    printer.note("building app.py with componentize-py (about half a minute)");
    let out = directory.join("dist/python.wasm");
    let mut command = Command::new(componentize);
    command.current_dir(directory).args(["-d", WORLD, "-w", "extension"]);
    command
        .args(["componentize", "app", "-p", ".", "-p"])
        .arg(sdk.join("python"));
    run(command.args(["-o", "dist/python.wasm"]), "correct app.py")?;
    read(&out, "")
}

/// Returns the path of componentize-py.
fn ensure_tool(environments: &Path, printer: &Printer) -> Outcome<PathBuf> {
    ensure(environments, COMPONENTIZE, "componentize-py", printer)
}

/// Returns the path of pytest. `cache` is the directory for tools.
pub(crate) fn ensure_pytest(cache: &Path, printer: &Printer) -> Outcome<PathBuf> {
    let cache = std::path::absolute(cache).user_error(&cache.display().to_string())?;
    ensure(&cache.join("python"), PYTEST, "pytest", printer)
}

/// Returns the path of a program of a package, which is installed in an environment of its own.
fn ensure(environments: &Path, package: &str, program: &str, printer: &Printer) -> Outcome<PathBuf> {
    let _lock = lock(environments)?;
    let environment = environments.join(package);
    let tool = environment.join("bin").join(program);
    if !tool.exists() {
        printer.note(&format!(
            "installing {package} with pip in {} (once)",
            environment.display()
        ));
        let hint = "Python 3.10 or newer with the modules venv and pip is needed";
        run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
            hint,
        )?;
        let mut pip = Command::new(environment.join("bin/pip"));
        run(
            pip.args(["install", "--quiet", "--disable-pip-version-check", package]),
            hint,
        )?;
    }
    Ok(tool)
}

/// Writes the world of an extension: it imports what its manifest lists, and nothing else.
fn write_world(into: &Path, packages: &Path, manifest: &Manifest) -> Outcome {
    let names = manifest.capabilities.iter().chain(&manifest.optional_capabilities);
    let world = String::from_utf8(read(&packages.join("world.wit"), "pass --sdk <checkout>/guest-sdk")?);
    let world = world.user_error("world.wit")?;
    // Files of another version of the SDK would be part of the world.
    std::fs::remove_dir_all(into).ok();
    let mut text = String::from("package alga:python;\n\nworld extension {\n");
    let mut imports: Vec<&str> = names.filter_map(|name| import(&world, name.as_str())).collect();
    // An interface with HTTP's resources, such as that of secrets in requests, needs the one that
    // sends them.
    let has_resources = imports.iter().any(|import| uses_resources(packages, import));
    let is_replaced = |import: &str| import.starts_with(HTTP);
    let replaced = imports.iter().any(|import| is_replaced(import));
    if !has_resources {
        imports.retain(|import| !is_replaced(import));
    }
    imports.extend(replaced.then_some(CLIENT));
    imports.sort_unstable();
    imports.dedup();
    for import in imports {
        // Writing into a string does not fail.
        writeln!(text, "    import {import};").ok();
    }
    text.push_str("    export alga:http/handler@1.0.0;\n}\n");
    write(&into.join("world.wit"), text.as_bytes())?;
    copy(&packages.join("deps"), &into.join("deps"), &|text| text)
}

/// Returns the import of a capability, with its version.
fn import<'a>(world: &'a str, name: &str) -> Option<&'a str> {
    let capability = known().iter().find(|capability| capability.name == name)?;
    let imports = world.lines().filter_map(|line| line.trim().strip_prefix("import "));
    let mut imports = imports.filter_map(|import| import.strip_suffix(';'));
    imports.find(|import| capability.satisfies(&InterfaceName::parse(import)))
}

/// Returns whether an interface of this product has the resources of HTTP's messages.
fn uses_resources(packages: &Path, import: &str) -> bool {
    let Some((package, interface)) = InterfaceName::parse(import).interface.split_once('/') else {
        return false;
    };
    let files = packages.join("deps").join(package.replace(':', "-")).read_dir();
    let mut texts = files
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| std::fs::read_to_string(file.path()).ok());
    package.starts_with("alga:")
        && texts.any(|text| {
            let block = text.split_once(&format!("\ninterface {interface} {{"));
            let block = block.and_then(|(_, rest)| rest.split_once("\n}"));
            block.is_some_and(|(block, _)| block.contains(RESOURCES))
        })
}

fn run(command: &mut Command, hint: &'static str) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.map_err(|error| CliError::user(format!("could not run {program}: {error}")).with_hint(hint))?;
    if output.status.success() {
        return Ok(());
    }
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    Err(CliError::user(format!("{program} failed:\n{out}{error}")).with_hint(hint))
}
