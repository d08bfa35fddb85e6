use crate::files::{BUNDLE, TRUST, read, read_bundle, signatures_path};
use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use alga_signing::{Policy, RevocationList, TrustBundle, verify};
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
    #[arg(long, env = "SIGNING_TRUST_BUNDLE", hide_env_values = true, default_value = TRUST)]
    trust: PathBuf,
    /// A signed revocation list to judge by
    #[arg(long)]
    revocations: Option<PathBuf>,
}

/// The checks of `alga_signing::verify`, in its order.
const CHECKS: [&str; 8] = [
    "the signature file is a DSSE envelope",
    "its payload is a release statement",
    "the statement reads",
    "somebody is trusted for its publisher",
    "a signature is by somebody who is trusted for that publisher",
    "that signature verifies, with all that it stands on",
    "the statement is about this bundle: publisher, name, version, bundle, manifest, capability proof",
    "neither bundle nor signer is revoked",
];

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (_, bundle) = read_bundle(&arguments.bundle)?;
    let signatures = arguments
        .signatures
        .clone()
        .unwrap_or_else(|| signatures_path(&arguments.bundle));
    let envelope = read(&signatures, "sign the bundle with `alga sign`")?;
    let trust = read(&arguments.trust, "`alga keygen` writes one")?;
    let trust = TrustBundle::parse(&trust).user_error(&arguments.trust.display().to_string())?;
    let revocations = match &arguments.revocations {
        None => None,
        Some(path) => Some(RevocationList::read(&read(path, "")?, &trust).user_error(&path.display().to_string())?),
    };
    let policy = Policy {
        revocations: revocations.as_ref(),
        ..Policy::now(&trust)
    };
    let verified = verify(&envelope, &bundle, policy).user_error(&signatures.display().to_string())?;
    let facts = json!({ "verified": true, "signer": verified.signer, "statement": verified.statement });
    printer.output(&facts, || {
        let checks: String = CHECKS
            .iter()
            .zip(1..)
            .map(|(check, number)| format!("  {number}. {check}: ok\n"))
            .collect();
        let statement = &verified.statement;
        format!(
            "{} {} by {} is verified (signed by {})\n{checks}",
            statement.name, statement.version, statement.publisher, verified.signer
        )
    });
    Ok(())
}
