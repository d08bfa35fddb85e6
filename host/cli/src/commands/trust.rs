//! `alga trust`: manages the trust bundle and revocation lists.

mod bundle;
mod revoke;

use crate::client::OperatorArguments;
use crate::files::{TRUST, read};
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_registry_types::{revocations, send_revocations};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Path of the trust bundle
    #[arg(long, global = true, env = "SIGNING_TRUST_BUNDLE", hide_env_values = true, default_value = TRUST)]
    trust: PathBuf,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// Show the trusted signers of each publisher
    Show,
    /// Trust a key for a publisher
    Key(bundle::Key),
    /// Stop trusting a key from a given time; releases received earlier stay valid
    Retire(bundle::Retirement),
    /// Add a private certificate authority
    Authority(bundle::AuthorityFiles),
    /// Trust certificates with a given name from a certificate authority for a publisher
    Certificate(bundle::CertificateRule),
    /// Add a sigstore deployment by its trusted_root.json
    SigstoreRoot {
        /// Name that rules refer to
        #[arg(long, default_value = "public")]
        name: String,
        /// Path of its trusted_root.json
        file: PathBuf,
    },
    /// Trust a keyless (sigstore) identity for a publisher
    Identity(bundle::IdentityRule),
    /// Trust a key to sign revocation lists
    RevocationKey {
        /// Public key, or a private key whose public half is used (PEM)
        file: PathBuf,
    },
    /// Sign the next revocation list: the previous one's entries and new ones
    Revoke(revoke::Revocation),
    /// Send a signed revocation list to a server, which activates it immediately
    Send {
        /// Signed revocation list
        file: PathBuf,
    },
    /// Show a server's active revocation list
    Revocations,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let path = &arguments.trust;
    match &arguments.action {
        Action::Show => bundle::show(path, printer),
        Action::Key(key) => bundle::change(path, printer, |file| key.apply(file)),
        Action::Retire(retirement) => bundle::change(path, printer, |file| retirement.apply(file)),
        Action::Authority(files) => bundle::change(path, printer, |file| files.apply(file)),
        Action::Certificate(rule) => bundle::change(path, printer, |file| rule.apply(file)),
        Action::SigstoreRoot { name, file } => {
            bundle::change(path, printer, |trust| bundle::add_root(trust, name, file))
        }
        Action::Identity(rule) => bundle::change(path, printer, |file| rule.apply(file)),
        Action::RevocationKey { file } => {
            bundle::change(path, printer, |trust| bundle::add_revocation_key(trust, file))
        }
        Action::Revoke(revocation) => revoke::sign(revocation, path, printer),
        Action::Send { file } => {
            let list = read(file, "`alga trust revoke` signs one")?;
            let active = arguments.operator.run(&send_revocations(list))?;
            printer.output(&active, || revoke::described(&active));
            Ok(())
        }
        Action::Revocations => {
            let active = arguments.operator.run(&revocations())?;
            printer.output(&active, || revoke::described(&active));
            Ok(())
        }
    }
}
