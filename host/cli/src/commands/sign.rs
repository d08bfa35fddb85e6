use crate::files::{BUNDLE, KEY, read, read_bundle, signatures_path, write};
use crate::outcome::{Outcome, Place};
use crate::printer::Printer;
use alga_signing::{SigningKey, Statement, sign};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The bundle
    #[arg(default_value = BUNDLE)]
    bundle: PathBuf,
    /// The private key
    #[arg(long, default_value = KEY)]
    key: PathBuf,
    /// Where the signature goes (default: beside the bundle, as <name>.sigs.json)
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (_, bundle) = read_bundle(&arguments.bundle)?;
    let pem = read(&arguments.key, "make one with `alga keygen --publisher <name>`")?;
    let key = SigningKey::from_pem(&String::from_utf8_lossy(&pem)).user(&arguments.key.display().to_string())?;
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| signatures_path(&arguments.bundle));
    write(&out, &sign(&bundle, &key).to_json())?;
    let id = key.verifying_key().id();
    let facts = json!({ "signatures": out, "keyId": id, "statement": Statement::about(&bundle) });
    printer.facts(&facts, || {
        let manifest = bundle.manifest();
        format!(
            "{} {} by {} signed with key {id}\n{}",
            manifest.name,
            manifest.version,
            manifest.publisher,
            out.display()
        )
    });
    Ok(())
}
