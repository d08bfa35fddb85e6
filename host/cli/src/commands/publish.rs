use crate::client::{OperatorArguments, multipart};
use crate::escape::escape_line;
use crate::files::{BUNDLE, read, read_bundle, signatures_path};
use crate::outcome::Outcome;
use crate::printer::Printer;
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

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
    let (content_type, body) = multipart(&[
        ("bundle", &arguments.bundle, &bytes),
        ("signatures", &path, &signatures),
    ]);
    let published =
        arguments
            .operator
            .send_compiling("POST", "/v1/registry/extensions", &content_type, body, printer)?;
    for warning in published
        .get("warnings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        printer.note(&format!(
            "warning: {}",
            escape_line(warning.as_str().unwrap_or_default())
        ));
    }
    printer.output(&published, || {
        let manifest = bundle.manifest();
        let is_new = published.get("created").and_then(Value::as_bool).unwrap_or_default();
        let what = if is_new {
            "published"
        } else {
            "was already published with the same content"
        };
        format!("{} {} {what}\n{}", manifest.name, manifest.version, bundle.digest())
    });
    Ok(())
}
