use crate::client::OperatorArguments;
use crate::outcome::Outcome;
use crate::printer::Printer;
use crate::reference::name_and_version;
use alga_bundle::{Digest, ExtensionName, Version, VersionId, VersionStatus};
use alga_registry_types::{Page, Reason, Versions, change_version, versions};
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List the versions of an extension, newest first
    List {
        /// Name of the extension
        name: String,
    },
    /// Yank a version: existing installs continue to run, new installs are refused
    Yank(Withdrawal),
    /// Undo a yank
    Unyank(Withdrawal),
    /// Revoke a version permanently: it can no longer run
    Revoke(Withdrawal),
    /// Deprecate a version with a warning; an empty reason removes the warning
    Deprecate(Withdrawal),
}

#[derive(Args)]
struct Withdrawal {
    /// Extension and version, as NAME@VERSION
    extension: String,
    /// Human-readable reason, also written to the audit log
    #[arg(long)]
    reason: String,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (verb, withdrawal) = match &arguments.action {
        Action::List { name } => return list(arguments, name, printer),
        Action::Yank(withdrawal) => ("yank", withdrawal),
        Action::Unyank(withdrawal) => ("unyank", withdrawal),
        Action::Revoke(withdrawal) => ("revoke", withdrawal),
        Action::Deprecate(withdrawal) => ("deprecate", withdrawal),
    };
    let (name, version) = name_and_version(&withdrawal.extension)?;
    let reason = Reason {
        reason: withdrawal.reason.clone(),
    };
    let row = arguments.operator.run(&change_version(name, version, verb, &reason))?;
    printer.output(&row, || {
        line(
            &row.name,
            &row.version,
            (row.status, row.deprecation.as_deref()),
            row.content_hash,
        )
    });
    Ok(())
}

fn list(arguments: &Arguments, name: &str, printer: &Printer) -> Outcome {
    let mut all = Versions {
        versions: Vec::new(),
        next: None,
    };
    loop {
        let page = Page {
            after: all.next.as_ref().map(VersionId::as_str),
            limit: None,
        };
        let page = arguments.operator.run(&versions(name, &page))?;
        all.versions.extend(page.versions);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    printer.output(&all, || {
        let lines = all.versions.iter().map(|row| {
            line(
                &row.name,
                &row.version,
                (row.status, row.deprecation.as_deref()),
                row.content_hash,
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn line(
    name: &ExtensionName,
    version: &Version,
    (status, deprecation): (VersionStatus, Option<&str>),
    content_hash: Digest,
) -> String {
    let warning = deprecation.map(|why| format!(", deprecated: {why}"));
    format!(
        "{name} {version} ({}{}) {content_hash}",
        status.as_str(),
        warning.unwrap_or_default()
    )
}
