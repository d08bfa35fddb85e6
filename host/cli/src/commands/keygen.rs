use crate::files::{KEY, TRUST, write, write_secret};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::PublisherName;
use alga_signing::{SigningKey, TrustFile};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Publisher for which the key is trusted
    #[arg(long)]
    publisher: PublisherName,
    /// Algorithm of the key
    #[arg(long, value_enum, default_value_t = Algorithm::Ed25519)]
    algorithm: Algorithm,
    /// Output path of the private key
    #[arg(long, default_value = KEY)]
    out: PathBuf,
    /// Output path of the trust bundle, which a server needs to trust the key
    #[arg(long, default_value = TRUST)]
    trust: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// Ed25519 (RFC 8032)
    Ed25519,
    /// ECDSA with P-256, for key services and hardware tokens
    P256,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    if arguments.trust.exists() {
        let failed = CliError::user(format!("`{}` already exists", arguments.trust.display()));
        return Err(failed.with_hint("a trust bundle is not overwritten; pass --trust <other file>"));
    }
    let key = match arguments.algorithm {
        Algorithm::Ed25519 => SigningKey::generate(),
        Algorithm::P256 => SigningKey::generate_p256(),
    };
    let key = key.internal_error("making a key")?;
    let pem = key.to_pem().internal_error("making a key")?;
    let trust = TrustFile::of(&arguments.publisher, &key).and_then(|file| file.to_json());
    let trust = trust.internal_error("making a trust bundle")?;
    write_secret(&arguments.out, &pem)?;
    write(&arguments.trust, format!("{trust}\n").as_bytes())?;
    let id = key.verifying_key().id();
    let facts =
        json!({ "key": arguments.out, "trust": arguments.trust, "keyId": id, "publisher": arguments.publisher });
    printer.output(&facts, || {
        format!(
            "private key {id} in `{}`: store it safely\ntrust bundle in `{}`: configure it on the server (SIGNING_TRUST_BUNDLE)",
            arguments.out.display(),
            arguments.trust.display()
        )
    });
    Ok(())
}
