//! The full engine: SpiderMonkey as a part of the component, which componentize-js makes.

use super::{BUNDLE, MAP, Project, ensure, positions, run};
use crate::files::{copy, read, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The tool, in the version that the SDK is tested with.
const COMPONENTIZE: &str = "@bytecodealliance/componentize-js@0.23.0";
const LIBRARY: &str = "node_modules/@bytecodealliance/componentize-js/src/componentize.js";
/// The version of WASI that the engine was built with, in place of that of `wit/`.
const WASI: (&str, &str) = ("0.2.12", "0.2.10");
/// World of the extension, below its directory: written anew by each build.
const WORLD: &str = "dist/wit";
/// Module of `fetch`.
const FETCH: &str = "full/http-client.js";
/// Module that connects a handler with the engine.
const SERVE: &str = "full/serve.js";
/// Module in the place of the compact engine's own functions.
const NATIVE: &str = "full/native.js";
/// Property in which that module finds the author's positions.
const POSITIONS: &str = "globalThis[Symbol.for(\"alga.positions\")]";
/// Calls the tool: the paths of the tool, of the module, of the world and of the component, and
/// features to leave out.
const SCRIPT: &str = r#"
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [tool, source, witPath, out, ...disableFeatures] = process.argv.slice(2);
const { componentize } = await import(pathToFileURL(tool).href);
const { component } = await componentize(await readFile(source, "utf8"), { witPath, worldName: "extension", disableFeatures });
await writeFile(out, component);
"#;

/// Returns esbuild's options that replace the modules of the host by those for this engine.
pub(super) fn aliases(sdk: &Path) -> Vec<String> {
    let files = sdk.join("full").read_dir().into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut options: Vec<String> = names.filter_map(|name| alias(sdk, &name)).collect();
    options.push(format!("--alias:alga:native={}", sdk.join(NATIVE).display()));
    options.sort_unstable();
    options
}

/// Returns the option for a file, whose name is that of the package and of the interface; packages
/// with a hyphen are listed. Other modules of the directory have none.
fn alias(sdk: &Path, file: &str) -> Option<String> {
    let name = file.strip_suffix(".js")?;
    let (package, interface) = match name.strip_prefix("ui-proxy-") {
        Some(interface) => ("ui-proxy", interface),
        None => name.split_once('-')?,
    };
    let path = sdk.join("full").join(file);
    Some(format!("--alias:alga:{package}/{interface}={}", path.display()))
}

impl Project {
    /// Returns the end of the entry, which connects the handler with the engine.
    pub(super) fn serve(&self) -> String {
        format!("{}serve(handler);\n", self.import("{ serve }", &self.sdk.join(SERVE)))
    }

    /// Makes a component of the module: it imports the interfaces that the module imports.
    pub(super) fn componentize(&self, tools: &Path, printer: &Printer) -> Outcome<Vec<u8>> {
        let tool = ensure(tools, COMPONENTIZE, LIBRARY, printer)?;
        let outputs = self.outputs()?;
        let imports = outputs.iter().flat_map(|output| &output.imports);
        let imports: BTreeSet<&str> = imports.map(|import| import.path.as_str()).collect();
        let uses_fetch = outputs
            .iter()
            .any(|output| output.inputs.keys().any(|path| path.ends_with(FETCH)));
        self.write_world(&imports)?;
        self.append_positions()?;
        let script = tools.join("componentize.mjs");
        write(&script, SCRIPT.as_bytes())?;
        let out = self.directory.join("dist/javascript.wasm");
        printer.note("building with the full engine (about half a minute)");
        let mut node = Command::new("node");
        node.current_dir(&self.directory).arg(script).arg(tool);
        node.args([BUNDLE, WORLD]).arg(&out);
        if !uses_fetch {
            node.arg("http");
        }
        run(&mut node, None).map_err(explained)?;
        read(&out, "")
    }

    /// Appends the author's positions to the module.
    fn append_positions(&self) -> Outcome {
        let path = self.directory.join(BUNDLE);
        let positions = positions::of(&read(&self.directory.join(MAP), "")?).user_error(MAP)?;
        let text = serde_json::to_string(&positions).internal_error("")?;
        let mut module = read(&path, "")?;
        module.extend(format!("{POSITIONS} = {text};\n").into_bytes());
        write(&path, &module)
    }

    fn write_world(&self, imports: &BTreeSet<&str>) -> Outcome {
        let into = self.directory.join(WORLD);
        // Files of another version of the SDK would be part of the world.
        std::fs::remove_dir_all(&into).ok();
        let imports: String = imports.iter().map(|import| format!("    import {import};\n")).collect();
        let handler = format!("wasi:http/incoming-handler@{}", WASI.1);
        let world = format!("package alga:javascript;\n\nworld extension {{\n{imports}    export {handler};\n}}\n");
        write(&into.join("world.wit"), world.as_bytes())?;
        let packages = self.sdk.join("../../../wit/deps");
        copy(&packages, &into.join("deps"), &|text| text.replace(WASI.0, WASI.1))
    }
}

/// Explains the failure of a module that calls the host outside of its handler: the tool's text
/// names neither.
fn explained(failed: CliError) -> CliError {
    if !failed.text.contains("imported functions during Wizer initialization") {
        return failed;
    }
    let text =
        "a module calls the host while the extension is built: there is no randomness, clock, log or `fetch` then";
    CliError::user(text).with_hint("move the call into the handler")
}
