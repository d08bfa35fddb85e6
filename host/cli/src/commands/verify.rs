use crate::files::{BUNDLE, TRUST, read, read_bundle, signatures_path};
use crate::outcome::{Outcome, Place};
use crate::printer::Printer;
use alga_signing::{TrustBundle, verify};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The bundle
    #[arg(default_value = BUNDLE)]
    bundle: PathBuf,
    /// The signature (default: beside the bundle, as <name>.sigs.json)
    #[arg(long)]
    signatures: Option<PathBuf>,
    /// The trust bundle
    #[arg(long, env = "SIGNING_TRUST_BUNDLE", default_value = TRUST)]
    trust: PathBuf,
}

/// The checks of `alga_signing::verify`, in its order.
const CHECKS: [&str; 7] = [
    "the signature file is a DSSE envelope",
    "its payload is a release statement",
    "the statement reads",
    "somebody is trusted for its publisher",
    "a signature is by a key of that publisher",
    "that signature verifies",
    "the statement is about this bundle: publisher, name, version, bundle, manifest, capability proof",
];

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (_, bundle) = read_bundle(&arguments.bundle)?;
    let signatures = arguments
        .signatures
        .clone()
        .unwrap_or_else(|| signatures_path(&arguments.bundle));
    let envelope = read(&signatures, "sign the bundle with `alga sign`")?;
    let trust = read(&arguments.trust, "`alga keygen` writes one")?;
    let trust = TrustBundle::parse(&trust).user(&arguments.trust.display().to_string())?;
    let verified = verify(&envelope, &bundle, &trust).user(&signatures.display().to_string())?;
    let facts = json!({ "verified": true, "keyId": verified.key, "statement": verified.statement });
    printer.facts(&facts, || {
        let checks: String = CHECKS
            .iter()
            .zip(1..)
            .map(|(check, number)| format!("  {number}. {check}: ok\n"))
            .collect();
        let statement = &verified.statement;
        format!(
            "{} {} by {} is verified (key {})\n{checks}",
            statement.name, statement.version, statement.publisher, verified.key
        )
    });
    Ok(())
}
