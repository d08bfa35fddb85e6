//! Components of other languages, built once: a JavaScript engine of 13 MB, a Python interpreter of
//! 18 MB, and a module in C. The server must accept the components that authors of these languages
//! build.

use crate::debian;
use crate::guests::directory;
use crate::python;
use crate::shell::{Outcome, cargo, execute, report, root, step, target};
use crate::web::copy;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions are fixed: the components depend on them.
const COMPONENTIZE_JS: &str = "@bytecodealliance/componentize-js@0.23.0";
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
/// Debian's compiler of C for WASI.
const C_PACKAGES: [&str; 4] = ["clang", "lld", "wasi-libc", "libclang-rt-14-dev-wasm32"];
/// WASI version that the JavaScript engine was built with; it replaces the version of `wit/`.
const ENGINE_WASI: &str = "0.2.10";
const OUR_WASI: &str = "0.2.12";

/// Builds components that are missing or older than their source.
pub(crate) fn build_all() -> Outcome {
    let of = |language: &str, files: &[&str]| -> Vec<PathBuf> {
        files.iter().map(|file| sources(language).join(file)).collect()
    };
    once(
        "javascript",
        &of("javascript", &["handler.js", "world.wit", "build.mjs"]),
        javascript,
    )?;
    once("python", &of("python", &["app.py", "world.wit"]), python_component)?;
    once("c", &of("c", &["handler.c", "world.wit"]), c_module)?;
    let mut of_sdk = of("python-sdk", &["app.py", "world.wit"]);
    let modules = fs::read_dir(root().join("guest-sdk/python/alga"))?.flatten();
    of_sdk.extend(modules.map(|module| module.path()).filter(|path| path.is_file()));
    once("python_sdk", &of_sdk, python_sdk)
}

fn sources(language: &str) -> PathBuf {
    root().join("tests/guests").join(language)
}

fn once(name: &str, sources: &[PathBuf], build: fn(&Path) -> Outcome) -> Outcome {
    let component = directory().join(format!("{name}.wasm"));
    let built = fs::metadata(&component).and_then(|found| found.modified()).ok();
    let mut changed = sources
        .iter()
        .filter_map(|file| fs::metadata(file).ok()?.modified().ok());
    if built.is_some_and(|built| changed.all(|changed| changed <= built)) {
        return Ok(());
    }
    step(&format!("building the component {name} (once, about a minute)"));
    fs::create_dir_all(directory())?;
    // Written to another file and renamed: an interrupted build leaves no partial component.
    let unfinished = component.with_extension("wasm.new");
    build(&unfinished)?;
    fs::rename(&unfinished, &component)?;
    report(&format!(
        "    {} bytes in {}",
        fs::metadata(&component)?.len(),
        component.display()
    ));
    Ok(())
}

/// Creates a directory with the WASI packages in one version, and the guest's world.
fn wit(language: &str, version: &str) -> Outcome<PathBuf> {
    let out = target().join("guest-wit").join(language);
    let deps = root().join("wit/deps");
    fs::create_dir_all(&out)?;
    fs::copy(sources(language).join("world.wit"), out.join("world.wit"))?;
    for package in fs::read_dir(deps)?.flatten() {
        let name = package.file_name().to_string_lossy().into_owned();
        if !name.starts_with("wasi-") {
            continue;
        }
        fs::create_dir_all(out.join("deps").join(&name))?;
        for file in fs::read_dir(package.path())?.flatten() {
            let text = fs::read_to_string(file.path())?.replace(OUR_WASI, version);
            fs::write(out.join("deps").join(&name).join(file.file_name()), text)?;
        }
    }
    Ok(out)
}

fn javascript(out: &Path) -> Outcome {
    let modules = target().join("javascript");
    if !modules.join("node_modules/@bytecodealliance/componentize-js").exists() {
        debian::ensure("node", "nodejs")?;
        debian::ensure("npm", "npm")?;
        step("installing componentize-js with npm (once)");
        fs::create_dir_all(&modules)?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--silent",
            "--prefix",
        ])
        .arg(&modules)
        .arg(COMPONENTIZE_JS);
        execute(&mut npm)?;
    }
    // Node looks for packages next to the script.
    fs::copy(sources("javascript").join("build.mjs"), modules.join("build.mjs"))?;
    let mut node = Command::new("node");
    node.arg(modules.join("build.mjs"))
        .arg(sources("javascript").join("handler.js"))
        .arg(wit("javascript", ENGINE_WASI)?)
        .arg(out);
    execute(&mut node)
}

fn python_component(out: &Path) -> Outcome {
    let tool = python::ensure("componentize-py", COMPONENTIZE_PY)?;
    let mut componentize = Command::new(tool);
    componentize
        .arg("-d")
        .arg(wit("python", OUR_WASI)?)
        .args(["-w", "page", "componentize", "app", "-p"])
        .arg(sources("python"))
        .arg("-o")
        .arg(out);
    execute(&mut componentize)
}

/// Builds the guest that calls every module of the SDK for Python.
fn python_sdk(out: &Path) -> Outcome {
    let tool = python::ensure("componentize-py", COMPONENTIZE_PY)?;
    let world = world("python-sdk")?;
    let mut componentize = Command::new(tool);
    componentize.arg("-d").arg(world);
    componentize.args(["-w", "extension", "componentize", "app", "-p"]);
    componentize
        .arg(sources("python-sdk"))
        .arg("-p")
        .arg(root().join("guest-sdk/python"));
    execute(componentize.arg("-o").arg(out))
}

/// Creates a directory with all packages of `wit/` and the guest's world.
fn world(guest: &str) -> Outcome<PathBuf> {
    let world = target().join("guest-wit").join(guest);
    fs::create_dir_all(&world)?;
    fs::copy(sources(guest).join("world.wit"), world.join("world.wit"))?;
    copy(&root().join("wit/deps"), &world.join("deps"))?;
    Ok(world)
}

/// Builds the guest in C into a core module for WASI preview 1, as `guest-sdk/README.md` describes.
fn c_module(out: &Path) -> Outcome {
    if !Path::new("/usr/include/wasm32-wasi").is_dir() {
        debian::install(&C_PACKAGES)?;
    }
    let bindings = target().join("guest-wit/c-bindings");
    let mut generate = cargo(&["run", "--quiet", "--package", "alga-bindings", "--"]);
    execute(generate.arg(world("c")?).arg(&bindings))?;
    let mut clang = Command::new("clang");
    clang.args([
        "--target=wasm32-wasi",
        "-mexec-model=reactor",
        "-Os",
        "-Wall",
        "-Werror",
        "-I",
    ]);
    clang
        .arg(&bindings)
        .arg("-o")
        .arg(out)
        .arg(sources("c").join("handler.c"));
    execute(clang.args([
        bindings.join("extension.c"),
        bindings.join("extension_component_type.o"),
    ]))
}
