//! `alga sign`: signs with a local key or a certificate, or attaches another program's signature.

use crate::files::{BUNDLE, KEY, read, read_bundle, signatures_path, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::Bundle;
use alga_signing::{
    Envelope, Signature, SigningKey, Statement, VerifyingKey, attach, certificates_of, detached, release_message, sign,
    sign_with_certificate,
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The way of a signature by another program, below the help.
pub(crate) const EXAMPLE: &str = "\
Other programs sign the bytes that `--message` writes, here without a key of your own:
  alga sign --message release.bin
  cosign sign-blob --bundle release.sigstore.json release.bin
  alga sign --sigstore-bundle release.sigstore.json";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Bundle to sign
    #[arg(default_value = BUNDLE)]
    bundle: PathBuf,
    /// Private key (PEM)
    #[arg(long, default_value = KEY)]
    key: PathBuf,
    /// Certificate chain of the key, without the root (PEM)
    #[arg(long)]
    certificates: Option<PathBuf>,
    /// Write the bytes that another program must sign to this file, and sign nothing
    #[arg(long, conflicts_with_all = ["certificates", "sigstore_bundle", "signature"])]
    message: Option<PathBuf>,
    /// Attach a sigstore bundle, as written by `cosign sign-blob --bundle`
    #[arg(long, conflicts_with_all = ["certificates", "signature"])]
    sigstore_bundle: Option<PathBuf>,
    /// Attach a signature, DER or its base64, as written by `cosign sign-blob --key`
    #[arg(long, requires = "public_key", conflicts_with = "certificates")]
    signature: Option<PathBuf>,
    /// Public key of that signature (PEM)
    #[arg(long)]
    public_key: Option<PathBuf>,
    /// Output path of the signature (default: <name>.sigs.json beside the bundle)
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (_, bundle) = read_bundle(&arguments.bundle)?;
    if let Some(path) = &arguments.message {
        write(path, &release_message(&bundle))?;
        printer.output(
            &json!({ "message": path, "statement": Statement::about(&bundle) }),
            || {
                format!(
                    "wrote the bytes that a signer of {} must sign to `{}`",
                    bundle.manifest().name,
                    path.display()
                )
            },
        );
        return Ok(());
    }
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| signatures_path(&arguments.bundle));
    let (envelope, by) = signed(arguments, &bundle)?;
    write(&out, &envelope.to_json())?;
    let facts = json!({ "signatures": out, "signer": by, "statement": Statement::about(&bundle) });
    printer.output(&facts, || {
        let manifest = bundle.manifest();
        format!(
            "{} {} by {} signed with {by}\n{}",
            manifest.name,
            manifest.version,
            manifest.publisher,
            out.display()
        )
    });
    Ok(())
}

fn signed(arguments: &Arguments, bundle: &Bundle) -> Outcome<(Envelope, String)> {
    if let Some(path) = &arguments.sigstore_bundle {
        let text = String::from_utf8_lossy(&read(path, "`cosign sign-blob --bundle` writes one")?).into_owned();
        let envelope = attach(bundle, &Signature::Keyless { bundle: text });
        return Ok((envelope, format!("the sigstore bundle `{}`", path.display())));
    }
    if let (Some(signature), Some(public_key)) = (&arguments.signature, &arguments.public_key) {
        let pem = read(public_key, "`cosign generate-key-pair` writes cosign.pub")?;
        let key =
            VerifyingKey::from_pem(&String::from_utf8_lossy(&pem)).user_error(&public_key.display().to_string())?;
        let attached = detached(&key, signature_bytes(signature)?);
        return Ok((attach(bundle, &attached), format!("key {}", key.id())));
    }
    let pem = read(&arguments.key, "make one with `alga keygen --publisher <name>`")?;
    let key = SigningKey::from_pem(&String::from_utf8_lossy(&pem)).user_error(&arguments.key.display().to_string())?;
    match &arguments.certificates {
        None => Ok((sign(bundle, &key), format!("key {}", key.verifying_key().id()))),
        Some(path) => {
            let chain = certificates_of(&read(path, "")?).user_error(&path.display().to_string())?;
            Ok((
                sign_with_certificate(bundle, &key, chain),
                format!("the certificate in `{}`", path.display()),
            ))
        }
    }
}

/// Reads a signature file; decodes it if it is base64 text.
fn signature_bytes(path: &Path) -> Outcome<Vec<u8>> {
    let bytes = read(path, "`cosign sign-blob --key` writes one")?;
    match alga_signing::base64_of(&bytes) {
        Some(decoded) => Ok(decoded),
        None if !bytes.is_empty() => Ok(bytes),
        None => Err(CliError::user(format!("`{}` is empty", path.display()))),
    }
}
