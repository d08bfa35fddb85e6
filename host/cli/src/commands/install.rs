use crate::client::OperatorArguments;
use crate::files::{read_manifest, read_secret};
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use alga_bundle::{CapabilityName, TenantId};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Extension as name@version (default: the one in the current directory)
    extension: Option<String>,
    /// Tenant to install for
    #[arg(long)]
    tenant: TenantId,
    /// Grant a capability; repeat for more. Capabilities that every install has need not be named
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<CapabilityName>,
    /// Grant all capabilities that the version declares, except optional ones
    #[arg(long, conflicts_with = "grants")]
    grant_declared: bool,
    /// Allow downgrading to an older version
    #[arg(long)]
    allow_downgrade: bool,
    /// Set a configuration key; repeat for more
    #[arg(long = "config", value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// Set a secret from a file, or from standard input for `-`; repeat for more. Its value is
    /// never an argument, which others could read
    #[arg(long = "secret", value_name = "NAME=@FILE")]
    secrets: Vec<String>,
    /// Allow only this host, of those that the extension declares; repeat for more
    #[arg(long = "egress", value_name = "HOST", conflicts_with = "no_egress")]
    egress: Vec<String>,
    /// Allow no host at all
    #[arg(long)]
    no_egress: bool,
    /// Time limit of one execution in milliseconds, replacing the manifest's
    #[arg(long)]
    timeout_ms: Option<u32>,
    /// Memory limit of one execution in MiB, replacing the manifest's
    #[arg(long)]
    memory_mb: Option<u32>,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (name, version) = extension(arguments)?;
    let grants = if arguments.grant_declared {
        declared(arguments, &name, &version)?
    } else {
        json!(arguments.grants)
    };
    let egress = (arguments.no_egress || !arguments.egress.is_empty()).then_some(arguments.egress.as_slice());
    let mut body = terms(egress, arguments.timeout_ms, arguments.memory_mb);
    body.insert("extension".to_owned(), json!(name));
    body.insert("version".to_owned(), json!(version));
    body.insert("grants".to_owned(), grants);
    body.insert("config".to_owned(), json!(config(&arguments.config)?));
    body.insert("allow_downgrade".to_owned(), json!(arguments.allow_downgrade));
    body.insert("secrets".to_owned(), json!(secrets(&arguments.secrets, printer)?));
    let body = Value::Object(body);
    let path = format!("/v1/registry/tenants/{}/installs", arguments.tenant);
    let install = arguments.operator.send_compiling(
        "POST",
        &path,
        "application/json",
        body.to_string().into_bytes(),
        printer,
    )?;
    printer.output(&install, || {
        let grants = install.get("grants").map(names).unwrap_or_default();
        let id = install.get("id").and_then(Value::as_str).unwrap_or_default();
        format!(
            "{name} {version} is installed for {} as {id}\ngranted: {grants}",
            arguments.tenant
        )
    });
    Ok(())
}

fn extension(arguments: &Arguments) -> Outcome<(String, String)> {
    match &arguments.extension {
        Some(text) => {
            let (name, version) = text.split_once('@').ok_or_else(|| {
                CliError::user(format!("missing version in `{text}`"))
                    .with_hint("write it like com.example.hello@1.0.0")
            })?;
            Ok((name.to_owned(), version.to_owned()))
        }
        None => {
            let (_, manifest) = read_manifest(Path::new("."))?;
            Ok((manifest.name.to_string(), manifest.version.to_string()))
        }
    }
}

/// Returns the capabilities that the published manifest declares, which may differ from a local
/// file.
fn declared(arguments: &Arguments, name: &str, version: &str) -> Outcome<Value> {
    let path = format!("/v1/registry/extensions/{name}/versions/{version}");
    let row = arguments.operator.send("GET", &path, "application/json", Vec::new())?;
    Ok(row
        .pointer("/manifest/capabilities")
        .cloned()
        .unwrap_or_else(|| json!([])))
}

pub(super) fn config(pairs: &[String]) -> Outcome<BTreeMap<&str, &str>> {
    let split =
        |pair: &'_ String| -> Outcome<(&str, &str)> { Err(CliError::user(format!("`{pair}` is not KEY=VALUE"))) };
    pairs
        .iter()
        .map(|pair| pair.split_once('=').map_or_else(|| split(pair), Ok))
        .collect()
}

/// Returns the JSON fields `egress` and `limits`, each if it is given.
pub(super) fn terms(egress: Option<&[String]>, timeout_ms: Option<u32>, memory_mb: Option<u32>) -> Map<String, Value> {
    let mut terms = Map::new();
    if let Some(egress) = egress {
        terms.insert("egress".to_owned(), json!(egress));
    }
    if timeout_ms.is_some() || memory_mb.is_some() {
        let limits = json!({ "timeoutMs": timeout_ms, "memoryMb": memory_mb });
        terms.insert("limits".to_owned(), limits);
    }
    terms
}

fn secrets<'a>(pairs: &'a [String], printer: &Printer) -> Outcome<BTreeMap<&'a str, String>> {
    let form = |pair: &str| CliError::user(format!("`{pair}` is not NAME=@FILE"));
    let read = |pair: &'a str| -> Outcome<(&'a str, String)> { Err(form(pair)) };
    pairs
        .iter()
        .map(|pair| match pair.split_once("=@") {
            Some((name, file)) => Ok((name, read_secret(Path::new(file), printer)?)),
            None => read(pair),
        })
        .collect()
}

fn names(list: &Value) -> String {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(", ")
}
