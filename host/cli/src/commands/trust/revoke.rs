//! Signing of the next revocation list.

use super::bundle::text;
use crate::files::{KEY, read, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::Digest;
use alga_registry_types::RevocationStatus;
use alga_signing::{RevocationList, RevokedBundle, RevokedSigner, SigningKey, TrustBundle, sign_revocations};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Revocation {
    /// Previous list; without it, this is the first one
    #[arg(long)]
    previous: Option<PathBuf>,
    /// Content hash to revoke (sha256:…)
    #[arg(long = "bundle")]
    bundles: Vec<Digest>,
    /// Signer to revoke, as shown in a version's `signing_key`
    #[arg(long = "signer")]
    signers: Vec<String>,
    /// Time from which these signers are not trusted (default: now)
    #[arg(long)]
    since: Option<Timestamp>,
    /// Human-readable reason of the revocation
    #[arg(long, default_value = "")]
    reason: String,
    /// Days until the next list is due; one day after that, a server refuses new releases and
    /// installs
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// Private key that the trust bundle trusts to sign revocation lists
    #[arg(long, default_value = KEY)]
    key: PathBuf,
    /// Output path of the signed list
    #[arg(long, default_value = "revocations.json")]
    out: PathBuf,
}

pub(crate) fn sign(arguments: &Revocation, trust: &Path, printer: &Printer) -> Outcome {
    let trust =
        TrustBundle::parse(&read(trust, "`alga keygen` writes one")?).user_error(&trust.display().to_string())?;
    let key = SigningKey::from_pem(&text(&arguments.key)?).user_error(&arguments.key.display().to_string())?;
    let list = next(arguments, &trust)?;
    let envelope = sign_revocations(&list, &key).to_json();
    let checked = RevocationList::read(&envelope, &trust).user_error("a server would refuse this list");
    checked.map_err(|failed| failed.with_hint("`alga trust revocation-key <key>` lets the key sign lists"))?;
    write(&arguments.out, &envelope)?;
    printer.output(&json!({ "file": arguments.out, "list": list }), || {
        format!(
            "revocation list {} in `{}`: send it with `alga trust send`",
            list.epoch,
            arguments.out.display()
        )
    });
    Ok(())
}

fn next(arguments: &Revocation, trust: &TrustBundle) -> Outcome<RevocationList> {
    let now = Timestamp::now();
    let mut list = RevocationList {
        epoch: 0,
        issued_at: now,
        expires_at: now,
        bundles: Vec::new(),
        signers: Vec::new(),
    };
    if let Some(path) = &arguments.previous {
        list = RevocationList::read(&read(path, "")?, trust).user_error(&path.display().to_string())?;
    }
    let too_many = || CliError::user("the previous list has the largest possible epoch");
    list.epoch = list.epoch.checked_add(1).ok_or_else(too_many)?;
    list.issued_at = now;
    list.expires_at = now + SignedDuration::from_hours(24 * i64::from(arguments.days));
    let reason = || arguments.reason.clone();
    list.bundles
        .extend(arguments.bundles.iter().map(|content_hash| RevokedBundle {
            content_hash: *content_hash,
            reason: reason(),
        }));
    list.signers
        .extend(arguments.signers.iter().map(|signer| RevokedSigner {
            signer: signer.clone(),
            since: arguments.since.unwrap_or(now),
            reason: reason(),
        }));
    Ok(list)
}

/// Describes a server's active list in one line.
pub(crate) fn described(status: &RevocationStatus) -> String {
    let Some(list) = &status.list else {
        return "no revocation list yet".to_owned();
    };
    let late = if status.is_overdue { ", OVERDUE" } else { "" };
    let (bundles, signers) = (list.bundles.len(), list.signers.len());
    format!(
        "revocation list {}: {bundles} bundles, {signers} signers, until {}{late}",
        status.epoch, list.expires_at
    )
}
