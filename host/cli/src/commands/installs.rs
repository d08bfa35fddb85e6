use crate::client::OperatorArguments;
use crate::files::read_secret;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use alga_bundle::TenantId;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Tenant of the install (required)
    #[arg(long, global = true)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List a tenant's installs
    List,
    /// Show an install, and whether an upgrade waits for consent
    Show {
        /// Extension name, extension id or install id
        extension: String,
    },
    /// Show logs and errors of an install's executions, newest first
    Log {
        /// Extension name, extension id or install id
        extension: String,
        /// Maximum number of executions
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Upgrade to another version; one with new permissions waits for consent
    Upgrade {
        /// Extension and version, as NAME@VERSION
        extension: String,
        /// Allow downgrading to an older version
        #[arg(long)]
        allow_downgrade: bool,
    },
    /// Approve the pending version and grant its new capabilities
    Consent {
        /// Extension and version, as NAME@VERSION
        extension: String,
    },
    /// Roll back to the previous version
    Rollback {
        /// Extension name, extension id or install id
        extension: String,
    },
    /// Enable the install
    Enable {
        /// Extension name, extension id or install id
        extension: String,
    },
    /// Disable the install; its data is retained
    Disable {
        /// Extension name, extension id or install id
        extension: String,
    },
    /// Set a secret that the extension declares, replacing its previous value
    SetSecret {
        /// Extension name, extension id or install id
        extension: String,
        /// The secret's name
        name: String,
        /// File with the secret; `-` is standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Delete a secret
    DeleteSecret {
        /// Extension name, extension id or install id
        extension: String,
        /// The secret's name
        name: String,
    },
    /// Replace configuration, hosts and limits; omitted ones are reset to the manifest's
    SetTerms {
        /// Extension name, extension id or install id
        extension: String,
        /// Set a configuration key; repeat for more
        #[arg(long = "config", value_name = "KEY=VALUE")]
        config: Vec<String>,
        /// Allow only this host, of those that the extension declares; repeat for more
        #[arg(long = "egress", value_name = "HOST")]
        egress: Vec<String>,
        /// Allow no host at all
        #[arg(long, conflicts_with = "egress")]
        no_egress: bool,
        /// Time limit of one execution in milliseconds
        #[arg(long)]
        timeout_ms: Option<u32>,
        /// Memory limit of one execution in MiB
        #[arg(long)]
        memory_mb: Option<u32>,
    },
    /// Uninstall, deleting configuration, secrets and records
    Uninstall {
        /// Extension name, extension id or install id
        extension: String,
    },
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (method, action, body) = request(&arguments.action, printer)?;
    let tenant = arguments
        .tenant
        .as_ref()
        .ok_or_else(|| CliError::user("no tenant is given".to_owned()).with_hint("pass --tenant"))?;
    let path = format!("/v1/registry/tenants/{tenant}/installs{action}");
    let answer = arguments
        .operator
        .send_compiling(method, &path, "application/json", body, printer)?;
    printer.output(&answer, || render(&answer));
    Ok(())
}

/// Returns the method, the path below the tenant's installs, and the body of the request.
fn request(action: &Action, printer: &Printer) -> Outcome<(&'static str, String, Vec<u8>)> {
    let post = |extension: &str, verb: &str, body: Value| {
        ("POST", format!("/{extension}/{verb}"), body.to_string().into_bytes())
    };
    Ok(match action {
        Action::List => ("GET", String::new(), Vec::new()),
        Action::Show { extension } => ("GET", format!("/{extension}"), Vec::new()),
        Action::Log { extension, limit } => ("GET", format!("/{extension}/executions?limit={limit}"), Vec::new()),
        Action::Upgrade {
            extension,
            allow_downgrade,
        } => {
            let (name, version) = name_and_version(extension)?;
            post(
                name,
                "upgrade",
                json!({ "version": version, "allow_downgrade": allow_downgrade }),
            )
        }
        Action::Consent { extension } => {
            let (name, version) = name_and_version(extension)?;
            post(name, "consent", json!({ "version": version }))
        }
        Action::Rollback { extension } => post(extension, "rollback", Value::Null),
        Action::Enable { extension } => post(extension, "enable", Value::Null),
        Action::Disable { extension } => post(extension, "disable", Value::Null),
        Action::SetSecret { extension, name, file } => {
            let body = json!({ "value": read_secret(file, printer)? });
            let path = format!("/{extension}/secrets/{name}");
            ("PUT", path, body.to_string().into_bytes())
        }
        Action::DeleteSecret { extension, name } => ("DELETE", format!("/{extension}/secrets/{name}"), Vec::new()),
        Action::SetTerms {
            extension,
            config,
            egress,
            no_egress,
            timeout_ms,
            memory_mb,
        } => {
            let egress = (*no_egress || !egress.is_empty()).then_some(egress.as_slice());
            let mut body = super::install::terms(egress, *timeout_ms, *memory_mb);
            body.insert("config".to_owned(), json!(super::install::config(config)?));
            let body = Value::Object(body);
            ("PUT", format!("/{extension}/terms"), body.to_string().into_bytes())
        }
        Action::Uninstall { extension } => ("DELETE", format!("/{extension}"), Vec::new()),
    })
}

pub(super) fn name_and_version(text: &str) -> Outcome<(&str, &str)> {
    text.split_once('@').ok_or_else(|| {
        CliError::user(format!("missing version in `{text}`")).with_hint("write it like com.example.hello@1.0.0")
    })
}

fn render(answer: &Value) -> String {
    if answer.is_null() {
        return "done".to_owned();
    }
    if let Some(installs) = answer.get("installs").and_then(Value::as_array) {
        return installs.iter().map(line).collect::<Vec<_>>().join("\n");
    }
    if let Some(executions) = answer.get("executions").and_then(Value::as_array) {
        return super::log::all(executions);
    }
    let Some(diff) = answer.get("diff") else {
        return line(answer);
    };
    let install = line(answer.get("install").unwrap_or(&Value::Null));
    let new: Vec<String> = diff
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(kind, list)| added(kind, list))
        .collect();
    if answer.get("outcome").and_then(Value::as_str) == Some("pending") {
        let new = new.join("\n");
        format!(
            "{install}\nthe new version waits for consent; it additionally requires:\n{new}\napprove it: `alga installs consent NAME@VERSION --tenant …`"
        )
    } else {
        format!("{install}\nupgraded; the new version has no new permissions")
    }
}

fn added(kind: &str, list: &Value) -> Vec<String> {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| format!("  {kind}: {name}")).collect()
}

fn line(install: &Value) -> String {
    let text = |pointer: &str| install.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let pending = if install.get("pending_version_id").is_some() {
        ", an upgrade waits for consent"
    } else {
        ""
    };
    format!(
        "{} {} ({}{pending}) {}",
        text("/name"),
        text("/manifest/version"),
        text("/status"),
        text("/id")
    )
}
