use crate::files::{TRUST, read};
use crate::outcome::{ErrorContext, Outcome};
use crate::printer::Printer;
use crate::release_files::ReleaseArguments;
use alga_signing::{Policy, RevocationList, TrustBundle, verify};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    release: ReleaseArguments,
    /// Path of the trust bundle
    #[arg(long, env = "SIGNING_TRUST_BUNDLE", hide_env_values = true, default_value = TRUST)]
    trust: PathBuf,
    /// Signed revocation list to check against
    #[arg(long)]
    revocations: Option<PathBuf>,
}

/// The checks of `alga_signing::verify`, in its order.
const CHECKS: [&str; 8] = [
    "the signature file is a DSSE envelope",
    "its payload is a release statement",
    "the statement parses",
    "the publisher has a trusted signer",
    "a signature is by a trusted signer of that publisher",
    "that signature verifies, with its key, certificate chain or sigstore bundle",
    "the statement is about this bundle: publisher, name, version, bundle, manifest, capability proof",
    "neither bundle nor signer is revoked",
];

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let release = arguments.release.read()?;
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
    let verified = verify(&release.signatures, &release.bundle, policy);
    let verified = verified.user_error(&release.signatures_path.display().to_string())?;
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
