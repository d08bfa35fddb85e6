use super::installs::name_and_version;
use crate::client::OperatorArguments;
use crate::outcome::Outcome;
use crate::printer::Printer;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

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
    let path = format!("/v1/registry/extensions/{name}/versions/{version}/{verb}");
    let body = json!({ "reason": withdrawal.reason }).to_string().into_bytes();
    let row = arguments.operator.send("POST", &path, "application/json", body)?;
    printer.output(&row, || line(&row));
    Ok(())
}

fn list(arguments: &Arguments, name: &str, printer: &Printer) -> Outcome {
    let path = format!("/v1/registry/extensions/{name}/versions");
    let answer = arguments.operator.send("GET", &path, "application/json", Vec::new())?;
    let versions = answer
        .get("versions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    printer.output(&answer, || versions.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn line(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let warning = row
        .get("deprecation")
        .and_then(Value::as_str)
        .map(|why| format!(", deprecated: {why}"));
    format!(
        "{} {} ({}{}) {}",
        text("name"),
        text("version"),
        text("status"),
        warning.unwrap_or_default(),
        text("content_hash")
    )
}
