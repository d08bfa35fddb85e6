use crate::client::OperatorArguments;
use crate::escape::escape_line;
use crate::files::{BUNDLE, read, read_bundle, signatures_path};
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_registry_types::{Part, form};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Bundle to publish
    #[arg(default_value = BUNDLE)]
    bundle: PathBuf,
    /// Signature file (default: <name>.sigs.json beside the bundle)
    #[arg(long)]
    signatures: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (bytes, bundle) = read_bundle(&arguments.bundle)?;
    let path = arguments
        .signatures
        .clone()
        .unwrap_or_else(|| signatures_path(&arguments.bundle));
    let signatures = read(&path, "sign the bundle with `alga sign`")?;
    let form = form(&[
        part("bundle", &arguments.bundle, &bytes),
        part("signatures", &path, &signatures),
    ]);
    let operation = alga_registry_types::publish(form);
    let published = arguments.operator.run_compiling(&operation, printer)?;
    for warning in &published.warnings {
        printer.note(&format!("warning: {}", escape_line(warning)));
    }
    printer.output(&published, || {
        let manifest = bundle.manifest();
        let what = if published.created {
            "published"
        } else {
            "was already published with the same content"
        };
        format!("{} {} {what}\n{}", manifest.name, manifest.version, bundle.digest())
    });
    Ok(())
}

fn part<'a>(name: &'a str, path: &'a Path, bytes: &'a [u8]) -> Part<'a> {
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Part { name, file_name, bytes }
}
