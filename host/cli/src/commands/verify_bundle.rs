//! `alga verify-bundle`: verifies a sigstore bundle over any file.

use crate::files::read;
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::Digest;
use alga_signing::{ArtifactSigner, KeylessIdentity, KeylessRoot, SignedArtifact, verify_artifact};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Check certificate chain, certificate log, transparency log, time, identity and signature.
/// Nothing is fetched.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Sigstore bundle (v0.1 to v0.3)
    #[arg(long)]
    bundle: PathBuf,
    /// Exact identity of the signer: an email address, or the URI of a workflow
    #[arg(long, requires = "certificate_oidc_issuer")]
    certificate_identity: Option<String>,
    /// Exact URL of the OIDC issuer of that identity
    #[arg(long, requires = "certificate_identity")]
    certificate_oidc_issuer: Option<String>,
    /// Public key of the signer (PEM), for bundles without a certificate
    #[arg(long, conflicts_with = "certificate_identity")]
    key: Option<PathBuf>,
    /// Trusted root (`trusted_root.json`) [default: the public-good sigstore's, as of this release
    /// of alga]
    #[arg(long)]
    trusted_root: Option<PathBuf>,
    /// Signed file, or its digest as sha256:<64 hexadecimal digits>
    file_or_digest: String,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let root = match &arguments.trusted_root {
        Some(path) => {
            let json = String::from_utf8(read(path, "")?).user_error(&path.display().to_string())?;
            KeylessRoot::from_json(&json).user_error(&path.display().to_string())?
        }
        None => KeylessRoot::public_good().internal_error("the root of the public-good sigstore")?,
    };
    let bundle = String::from_utf8(read(&arguments.bundle, "")?).user_error(&arguments.bundle.display().to_string())?;
    let key = match &arguments.key {
        Some(path) => Some(String::from_utf8(read(path, "")?).user_error(&path.display().to_string())?),
        None => None,
    };
    let signer = match (
        &key,
        &arguments.certificate_identity,
        &arguments.certificate_oidc_issuer,
    ) {
        (Some(pem), ..) => ArtifactSigner::Key(pem),
        (None, Some(identity), Some(issuer)) => ArtifactSigner::Keyless(KeylessIdentity { issuer, identity }),
        _ => {
            let failed = CliError::user("no expected signer is given");
            return Err(failed.with_hint("pass --certificate-identity and --certificate-oidc-issuer, or --key"));
        }
    };
    let bytes;
    let artifact = if arguments.file_or_digest.starts_with("sha256:") {
        SignedArtifact::Digest(
            arguments
                .file_or_digest
                .parse::<Digest>()
                .user_error(&arguments.file_or_digest)?,
        )
    } else {
        bytes = read(&PathBuf::from(&arguments.file_or_digest), "")?;
        SignedArtifact::Bytes(&bytes)
    };
    let time = verify_artifact(&root, &bundle, artifact, signer).user_error(&arguments.bundle.display().to_string())?;
    printer.output(&json!({ "verified": true, "signedAt": time }), || {
        let time = time.map(|time| format!(", signed at {time}")).unwrap_or_default();
        format!("verified{time}")
    });
    Ok(())
}
