//! The build of an extension in TypeScript or JavaScript: esbuild makes one module of it, the
//! shared engine evaluates that module, and its memory becomes the component. With the full engine,
//! componentize-js makes a component of it that contains the engine.

mod full;
mod positions;

use crate::files::{lock, read, read_manifest};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::Manifest;
use alga_javascript::{Engine, component, evaluate};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Sources of an extension, the first that exists.
const SOURCES: [&str; 4] = ["src/index.ts", "src/index.js", "src/index.tsx", "src/index.mjs"];
/// The bundler, in the version that the SDK is tested with.
const ESBUILD: &str = "esbuild@0.28.2";
/// The bundle, its source map and the list of its exports, below the extension's directory.
const BUNDLE: &str = "dist/extension.js";
const MAP: &str = "dist/extension.js.map";
const META: &str = "dist/extension.json";
/// Packages of AlgaPSA whose names mean a module of the SDK.
const RUNTIMES: [&str; 2] = ["@alga-psa/extension-runtime", "@alga/extension-runtime"];
/// Parts of the host functions of AlgaPSA's handlers.
const PARTS: &str = include_str!("../../../guest-sdk/js/sdk/src/runner/parts.json");
const HINT: &str = "an extension in JavaScript is built with Node 18 or newer, which brings npm";

/// Returns the source of an extension in TypeScript or JavaScript, if the directory has one.
pub(crate) fn source(directory: &Path) -> Option<&'static str> {
    SOURCES.into_iter().find(|source| directory.join(source).is_file())
}

/// The engine of an extension, which its `package.json` chooses: `"alga": { "engine": "full" }`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EngineKind {
    /// QuickJS, which all extensions share.
    #[default]
    Compact,
    /// SpiderMonkey, as a part of the component.
    Full,
}

/// The part of `package.json` that is read.
#[derive(Default, Deserialize)]
struct Package {
    #[serde(default)]
    alga: PackageOptions,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageOptions {
    #[serde(default)]
    engine: EngineKind,
}

/// Builds a source into a component. `sdk` is the directory of the guest SDK, `cache` the one for
/// tools.
pub(crate) fn build(directory: &Path, source: &str, sdk: &Path, cache: &Path, printer: &Printer) -> Outcome<Vec<u8>> {
    let absolute = |path: &Path| std::path::absolute(path).user_error(&path.display().to_string());
    let (directory, tools) = (absolute(directory)?, absolute(cache)?.join("javascript"));
    let project = Project {
        engine: engine_of(&directory)?,
        directory,
        sdk: absolute(sdk)?.join("js/sdk"),
        esbuild: ensure_esbuild(&tools, printer)?,
    };
    project.install(printer)?;
    project.check_types()?;
    project.bundle(source, printer)?;
    if project.engine == EngineKind::Full {
        return project.componentize(&tools, printer);
    }
    let text = read(&project.directory.join(BUNDLE), "")?;
    let positions = positions::of(&read(&project.directory.join(MAP), "")?).user_error(MAP)?;
    let engine = Engine::current().user_error("")?;
    let snapshot = evaluate(engine, &text, &positions).map_err(|error| CliError::user(error.to_string()))?;
    component(engine, &snapshot).user_error("")
}

fn engine_of(directory: &Path) -> Outcome<EngineKind> {
    let path = directory.join("package.json");
    if !path.is_file() {
        return Ok(EngineKind::Compact);
    }
    let package: Package = serde_json::from_slice(&read(&path, "")?).user_error("package.json")?;
    Ok(package.alga.engine)
}

struct Project {
    engine: EngineKind,
    directory: PathBuf,
    /// Directory of the SDK for JavaScript.
    sdk: PathBuf,
    esbuild: PathBuf,
}

/// Part of the host functions: its module in the SDK, and the capability that it needs.
#[derive(Deserialize)]
struct Part {
    part: String,
    module: String,
    capability: String,
}

/// The part of esbuild's metafile that is read.
#[derive(Deserialize)]
struct Metafile {
    outputs: BTreeMap<String, Output>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    exports: Vec<String>,
    #[serde(default)]
    imports: Vec<Import>,
    #[serde(default)]
    inputs: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Import {
    path: String,
}

impl Project {
    /// Installs the packages of the extension, if they have changed since they were installed.
    fn install(&self, printer: &Printer) -> Outcome {
        let changed = |path: &str| {
            self.directory
                .join(path)
                .metadata()
                .and_then(|file| file.modified())
                .ok()
        };
        let Some(wanted) = changed("package.json") else {
            return Ok(());
        };
        // npm writes this file at the end.
        if changed("node_modules/.package-lock.json").is_some_and(|installed| installed >= wanted) {
            return Ok(());
        }
        printer.note("installing the packages of the extension with npm");
        let mut npm = Command::new("npm");
        npm.current_dir(&self.directory)
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
        run(&mut npm, None).map(drop)
    }

    /// Checks the types, if the extension has TypeScript among its packages.
    fn check_types(&self) -> Outcome {
        let compiler = self.directory.join("node_modules/.bin/tsc");
        if !compiler.exists() || !self.directory.join("tsconfig.json").is_file() {
            return Ok(());
        }
        let mut tsc = Command::new(compiler);
        run(
            tsc.current_dir(&self.directory).args(["--noEmit", "--pretty", "false"]),
            None,
        )
        .map(drop)
    }

    /// Makes one module of the sources. A source that exports `handler` and no default is one of
    /// AlgaPSA's runner.
    fn bundle(&self, source: &str, printer: &Printer) -> Outcome {
        let warnings = run(self.command().arg(source), None)?;
        if !warnings.is_empty() {
            printer.note(&warnings);
        }
        let exports: Vec<String> = self.outputs()?.into_iter().flat_map(|output| output.exports).collect();
        let exports = |name: &str| exports.iter().any(|export| export == name);
        let entry = match (exports("default") || !exports("handler"), self.engine) {
            (true, EngineKind::Compact) => return Ok(()),
            (true, EngineKind::Full) => self.import("handler", &self.directory.join(source)),
            (false, _) => {
                let (_, manifest) = read_manifest(&self.directory)?;
                self.runner_entry(source, &manifest)?
            }
        };
        let end = match self.engine {
            EngineKind::Compact => "export default handler;\n".to_owned(),
            EngineKind::Full => self.serve(),
        };
        let mut command = self.command();
        command.args(["--sourcefile=alga-entry.js", "--loader=js"]);
        run(&mut command, Some(&format!("{entry}{end}"))).map(drop)
    }

    /// Returns esbuild's description of its result.
    fn outputs(&self) -> Outcome<Vec<Output>> {
        let meta = read(&self.directory.join(META), "")?;
        let meta: Metafile = serde_json::from_slice(&meta).user_error(META)?;
        Ok(meta.outputs.into_values().collect())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.esbuild);
        command.current_dir(&self.directory);
        command.args(["--bundle", "--format=esm", "--platform=neutral", "--target=es2023"]);
        command.args(["--main-fields=module,main", "--conditions=module", "--external:alga:*"]);
        command.args(["--sourcemap=external", "--sources-content=false", "--log-level=warning"]);
        command.args([r#"--define:process.env.NODE_ENV="production""#, "--allow-overwrite"]);
        command.arg("--define:globalThis.fetch=fetch");
        command.arg(format!("--inject:{}", self.sdk.join("src/fetch.ts").display()));
        for name in RUNTIMES {
            let runner = self.sdk.join("src/runner/index.ts");
            command.arg(format!("--alias:{name}={}", runner.display()));
        }
        if self.engine == EngineKind::Full {
            command.args(full::aliases(&self.sdk));
        }
        command.args([format!("--outfile={BUNDLE}"), format!("--metafile={META}")]);
        command
    }

    /// Returns a module that connects a handler of AlgaPSA's runner with the parts of the host that
    /// its manifest lists.
    fn runner_entry(&self, source: &str, manifest: &Manifest) -> Outcome<String> {
        let module = |name: &str| self.sdk.join("src/runner").join(format!("{name}.ts"));
        let declared: Vec<&str> = manifest
            .capabilities
            .iter()
            .chain(&manifest.optional_capabilities)
            .map(alga_bundle::CapabilityName::as_str)
            .collect();
        let mut parts: Vec<Part> = serde_json::from_str(PARTS).internal_error("parts.json")?;
        parts.retain(|part| declared.contains(&part.capability.as_str()));
        let parts: Vec<_> = [("logging", "logging")]
            .into_iter()
            .chain(parts.iter().map(|part| (part.part.as_str(), part.module.as_str())))
            .collect();
        let mut entry = self.import("{ handler as handle }", &self.directory.join(source));
        entry.push_str(&self.import("{ connect }", &module("connect")));
        for (part, file) in &parts {
            entry.push_str(&self.import(&format!("{{ {part} }}"), &module(file)));
        }
        let names: Vec<&str> = parts.iter().map(|(part, _)| *part).collect();
        entry.push_str(&format!(
            "const handler = connect(handle, {{ {} }});\n",
            names.join(", ")
        ));
        Ok(entry)
    }

    fn import(&self, what: &str, file: &Path) -> String {
        format!("import {what} from {:?};\n", file.display().to_string())
    }
}

/// Returns the path of esbuild.
fn ensure_esbuild(tools: &Path, printer: &Printer) -> Outcome<PathBuf> {
    ensure(tools, ESBUILD, "node_modules/.bin/esbuild", printer)
}

/// Returns the path of a file of a package, which is installed in a directory of its own.
fn ensure(tools: &Path, package: &str, file: &str, printer: &Printer) -> Outcome<PathBuf> {
    let _lock = lock(tools)?;
    let directory = tools.join(package.replace('/', "-"));
    let program = directory.join(file);
    if !program.exists() {
        printer.note(&format!(
            "installing {package} with npm in {} (once)",
            directory.display()
        ));
        std::fs::create_dir_all(&directory).user_error(&directory.display().to_string())?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--no-save",
            "--prefix",
        ])
        .arg(&directory);
        run(npm.arg(package), None)?;
    }
    Ok(program)
}

/// Runs a program, with a text as its input if there is one; returns the warnings that it printed.
fn run(command: &mut Command, input: Option<&str>) -> Outcome<String> {
    use std::io::Write as _;
    let program = command.get_program().to_string_lossy().into_owned();
    let not_run = |error| CliError::user(format!("could not run {program}: {error}")).with_hint(HINT);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(not_run)?;
    if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
        // A program that ends early has printed the reason.
        pipe.write_all(text.as_bytes()).ok();
    }
    let output = child.wait_with_output().map_err(not_run)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let program = Path::new(&program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let hint = match program.as_str() {
        "npm" => "correct package.json, or check the connection to npm's registry",
        _ => "correct the sources",
    };
    Err(CliError::user(format!("{program} failed:\n{out}{error}")).with_hint(hint))
}
