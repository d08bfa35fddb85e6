//! The next revocation list.

use super::bundle::text;
use crate::files::{KEY, read, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::Digest;
use alga_signing::{RevocationList, RevokedBundle, RevokedSigner, SigningKey, TrustBundle, sign_revocations};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Revocation {
    /// The list before this one; without it, this is the first
    #[arg(long)]
    previous: Option<PathBuf>,
    /// Content that may not run any more (sha256:…)
    #[arg(long = "bundle")]
    bundles: Vec<Digest>,
    /// A signer who is not believed any more, as a version's `signingKey` shows it
    #[arg(long = "signer")]
    signers: Vec<String>,
    /// From when on such signers are not believed (default: now)
    #[arg(long)]
    since: Option<Timestamp>,
    /// Why, for people
    #[arg(long, default_value = "")]
    reason: String,
    /// When the next list is due at the latest: after that and a day of grace, a server takes nothing new
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// A private key that the trust bundle lets sign revocation lists
    #[arg(long, default_value = KEY)]
    key: PathBuf,
    /// Where the signed list goes
    #[arg(long, default_value = "revocations.json")]
    out: PathBuf,
}

pub(crate) fn sign(arguments: &Revocation, trust: &Path, printer: &Printer) -> Outcome {
    let trust =
        TrustBundle::parse(&read(trust, "`alga keygen` writes one")?).user_error(&trust.display().to_string())?;
    let key = SigningKey::from_pem(&text(&arguments.key)?).user_error(&arguments.key.display().to_string())?;
    let list = next(arguments, &trust)?;
    let envelope = sign_revocations(&list, &key).to_json();
    let checked = RevocationList::read(&envelope, &trust).user_error("a server would not take this list");
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
    let too_many = || CliError::user("the previous list has the last epoch there is");
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

/// One line about the list that a server judges by.
pub(crate) fn described(present: &Value) -> String {
    let count = |name: &str| present.pointer(name).and_then(Value::as_array).map_or(0, Vec::len);
    let until = present.pointer("/list/expiresAt").and_then(Value::as_str);
    let Some(until) = until else {
        return "no revocation list yet".to_owned();
    };
    let late = if present.get("isOverdue").and_then(Value::as_bool).unwrap_or_default() {
        ", OVERDUE"
    } else {
        ""
    };
    let epoch = present.get("epoch").and_then(Value::as_u64).unwrap_or_default();
    let (bundles, signers) = (count("/list/bundles"), count("/list/signers"));
    format!("revocation list {epoch}: {bundles} bundles, {signers} signers, until {until}{late}")
}
