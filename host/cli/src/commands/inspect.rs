use crate::escape::escape_line;
use crate::files::{COMPONENT, read};
use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::{Bundle, Capability, ComponentFacts, Digest, InterfaceName, Manifest, shipped_engine};
use alga_capabilities::{Part, PartKind, known, parts};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// A component (`.wasm`) or a bundle (`.tar.zst`)
    #[arg(default_value = COMPONENT)]
    file: PathBuf,
    /// The manifest to compare a component with
    #[arg(long)]
    manifest: Option<PathBuf>,
}

#[derive(Serialize)]
struct Facts {
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    imports: Vec<Import>,
    exports: Vec<String>,
    /// Digest of the JavaScript engine, which the host compiles once for all extensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Digest>,
    /// The guest, and what `alga pack` has composed with it.
    parts: Vec<PartFacts>,
    /// Capabilities that are declared and not imported.
    unused: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Import {
    interface: String,
    functions: Vec<String>,
    /// The capability that grants the import, `ambient`, or a note that nothing does.
    grant: String,
    /// True if the manifest declares it; absent without a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<bool>,
}

#[derive(Serialize)]
struct PartFacts {
    /// `guest`, `adapter`, or `component`.
    kind: &'static str,
    imports: Vec<String>,
    exports: Vec<String>,
    bytes: usize,
    producers: BTreeSet<String>,
}

impl From<Part> for PartFacts {
    fn from(part: Part) -> Self {
        Self {
            kind: match part.kind {
                PartKind::Guest => "guest",
                PartKind::Adapter => "adapter",
                PartKind::Component => "component",
            },
            imports: part.imports,
            exports: part.exports,
            bytes: part.bytes,
            producers: part.producers,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let bytes = read(&arguments.file, "build it with `alga build`, or name another file")?;
    let context = arguments.file.display().to_string();
    let facts = match bytes.starts_with(b"\0asm") {
        true => of_component(&bytes, &context, arguments.manifest.as_deref())?,
        false => of_bundle(&bytes, &context)?,
    };
    printer.output(&facts, || text(&facts));
    Ok(())
}

fn of_component(bytes: &[u8], context: &str, manifest: Option<&Path>) -> Outcome<Facts> {
    let manifest = manifest.map(|path| {
        let bytes = read(path, "")?;
        Manifest::parse(&bytes, known()).user_error(&path.display().to_string())
    });
    let component = ComponentFacts::read(bytes).user_error(context)?;
    let mut facts = facts(
        Digest::of(bytes),
        &component.imports,
        component.exports,
        manifest.transpose()?.as_ref(),
    );
    facts.engine = component.engine.as_deref().and_then(shipped_engine);
    facts.parts = parts_of(bytes, context)?;
    Ok(facts)
}

fn of_bundle(bytes: &[u8], context: &str) -> Outcome<Facts> {
    let bundle = Bundle::read(bytes, known()).user_error(context);
    let hint = "inspect a component (.wasm) or a bundle (.tar.zst)";
    let bundle = bundle.map_err(|failed| failed.with_hint(hint))?;
    let component = bundle.component().map(ComponentFacts::read).transpose();
    let exports = component
        .user_error(context)?
        .map(|facts| facts.exports)
        .unwrap_or_default();
    let mut facts = facts(
        bundle.digest(),
        &bundle.proof().imports,
        exports,
        Some(bundle.manifest()),
    );
    facts.engine = bundle.proof().engine.as_deref().and_then(shipped_engine);
    facts.files = bundle.entries().map(|(path, size)| (path.to_string(), size)).collect();
    if let Some(component) = bundle.component() {
        facts.parts = parts_of(component, context)?;
    }
    Ok(facts)
}

fn parts_of(component: &[u8], context: &str) -> Outcome<Vec<PartFacts>> {
    let parts = parts(component).user_error(context)?;
    Ok(parts.into_iter().map(PartFacts::from).collect())
}

fn facts(
    digest: Digest,
    imports: &BTreeMap<String, Vec<String>>,
    exports: Vec<String>,
    manifest: Option<&Manifest>,
) -> Facts {
    let declared = manifest.map(|manifest| manifest.declared(known()));
    let is_declared = |name: &str| {
        declared
            .as_ref()
            .map(|declared| declared.iter().any(|capability| capability.as_str() == name))
    };
    let imports: Vec<Import> = imports
        .iter()
        .map(|(interface, functions)| {
            let found = known()
                .iter()
                .find(|capability| capability.satisfies(&InterfaceName::parse(interface)));
            let (grant, declared) = match found {
                Some(Capability { name: "", .. }) => ("ambient".to_owned(), declared.as_ref().map(|_| true)),
                Some(capability) => (capability.name.to_owned(), is_declared(capability.name)),
                None => ("nothing grants this".to_owned(), declared.as_ref().map(|_| false)),
            };
            Import {
                interface: interface.clone(),
                functions: functions.clone(),
                grant,
                declared,
            }
        })
        .collect();
    let asked = manifest
        .map(|manifest| manifest.capabilities.clone())
        .unwrap_or_default();
    let is_unused = |name: &&alga_bundle::CapabilityName| !imports.iter().any(|import| import.grant == name.as_str());
    Facts {
        digest,
        extension: manifest.map(|manifest| manifest.name.to_string()),
        version: manifest.map(|manifest| manifest.version.to_string()),
        unused: asked.iter().filter(is_unused).map(ToString::to_string).collect(),
        imports,
        exports,
        engine: None,
        parts: Vec::new(),
        files: BTreeMap::new(),
    }
}

fn text(facts: &Facts) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    if let (Some(name), Some(version)) = (&facts.extension, &facts.version) {
        writeln!(text, "{name} {version}").ok();
    }
    writeln!(text, "{}\n", facts.digest).ok();
    writeln!(text, "{:<42} {:<22} declared", "imports", "granted by").ok();
    for import in &facts.imports {
        let declared = match import.declared {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        writeln!(text, "  {:<40} {:<22} {declared}", import.interface, import.grant).ok();
    }
    for name in &facts.unused {
        writeln!(text, "  {:<40} {name:<22} yes, and not used", "-").ok();
    }
    writeln!(text, "exports").ok();
    for export in &facts.exports {
        writeln!(text, "  {export}").ok();
    }
    if let Some(engine) = &facts.engine {
        writeln!(text, "engine\n  JavaScript, shared by all extensions: {engine}").ok();
    }
    if facts.parts.len() > 1 {
        writeln!(text, "parts").ok();
        for part in &facts.parts {
            writeln!(text, "  {:<40} {} bytes", part.kind, part.bytes).ok();
            for (verb, names) in [("imports", &part.imports), ("exports", &part.exports)] {
                for name in names {
                    writeln!(text, "    {verb} {}", escape_line(name)).ok();
                }
            }
        }
    }
    if let Some(guest) = facts.parts.last().filter(|guest| !guest.producers.is_empty()) {
        let producers: Vec<_> = guest.producers.iter().map(String::as_str).collect();
        writeln!(text, "produced by {}", escape_line(&producers.join(", "))).ok();
    }
    if !facts.files.is_empty() {
        writeln!(text, "files").ok();
        for (path, size) in &facts.files {
            writeln!(text, "  {path:<40} {size} bytes").ok();
        }
    }
    text
}
