//! The page of an extension: its template for `alga new --ui`, and its build by `alga build`.

use crate::files::write;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use clap::ValueEnum;
use std::path::Path;
use std::process::Command;

/// Directory of the page's sources, whose build writes to `ui/`.
const SOURCES: &str = "page";

/// Template of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// TypeScript with the elements of the UI kit
    Plain,
    /// TypeScript with React
    React,
}

const REACT: &str = ",\n    \"@types/react\": \"19.3.0\",\n    \"@types/react-dom\": \"19.3.0\",\n    \"react\": \"19.3.1\",\n    \"react-dom\": \"19.3.1\"";
const BODY: &str = "
      <h1>{{title}}</h1>
      <alga-form>
        <form>
          <alga-input name=\"name\" label=\"Name\" required></alga-input>
          <alga-button type=\"submit\" variant=\"primary\">Greet</alga-button>
        </form>
      </alga-form>
    ";
/// Manifest of an extension with a page, and with the capability for its calls.
pub(crate) const MANIFEST: &str = include_str!("../templates/page/manifest.json.txt");

/// Writes the sources of a page. `fill` replaces the template's common words.
pub(crate) fn create(directory: &Path, template: Template, fill: &dyn Fn(&str) -> String) -> Outcome {
    let (main, source, react, body) = match template {
        Template::Plain => ("main.ts", include_str!("../templates/page/main.ts.txt"), "", BODY),
        Template::React => ("main.tsx", include_str!("../templates/page/main.tsx.txt"), REACT, ""),
    };
    let files = [
        ("package.json", include_str!("../templates/page/package.json.txt")),
        (".npmrc", include_str!("../templates/page/npmrc.txt")),
        ("vite.config.ts", include_str!("../templates/page/vite.config.ts.txt")),
        ("tsconfig.json", include_str!("../templates/page/tsconfig.json.txt")),
        ("index.html", include_str!("../templates/page/index.html.txt")),
        ("src/page.css", include_str!("../templates/page/page.css.txt")),
        (&format!("src/{main}"), source),
    ];
    for (path, text) in files {
        let text = text
            .replace("{{react}}", react)
            .replace("{{main}}", main)
            .replace("{{body}}", body);
        write(&directory.join(SOURCES).join(path), fill(&text).as_bytes())?;
    }
    Ok(())
}

/// Builds the page, if the extension has the sources of one.
pub(crate) fn build(directory: &Path, printer: &Printer) -> Outcome {
    let sources = directory.join(SOURCES);
    if !sources.join("package.json").is_file() {
        return Ok(());
    }
    if !sources.join("node_modules").is_dir() {
        printer.note("installing the packages of the page with npm (once)");
        npm(&sources, &["install", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    }
    npm(&sources, &["run", "--silent", "build"])?;
    printer.note(&format!("built the page to {}", directory.join("ui").display()));
    Ok(())
}

fn npm(directory: &Path, arguments: &[&str]) -> Outcome {
    let missing = |error| {
        let failed = CliError::user(format!("could not run npm: {error}"));
        failed.with_hint("a page is built with Node 20.19 or newer; its built files in ui/ need none")
    };
    let output = Command::new("npm").args(arguments).current_dir(directory).output();
    let output = output.map_err(missing)?;
    if output.status.success() {
        return Ok(());
    }
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let failed = CliError::user(format!(
        "`npm {}` failed in `{}`:\n{out}{error}",
        arguments.join(" "),
        directory.display()
    ));
    Err(failed.with_hint("correct the sources of the page, or run the command there"))
}
