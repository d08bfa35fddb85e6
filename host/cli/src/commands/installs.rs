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
    /// Of which tenant
    #[arg(long, global = true)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List a tenant's installs
    List,
    /// Show one, with what waits for consent
    Show {
        /// Its name, registry id or install id
        extension: String,
    },
    /// Show what its executions wrote, and why they failed; newest first
    Log {
        /// Its name, registry id or install id
        extension: String,
        /// How many executions
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Put another version in; one that can do something new waits for consent
    Upgrade {
        /// NAME@VERSION
        extension: String,
        /// An older version is meant
        #[arg(long)]
        allow_downgrade: bool,
    },
    /// Let the version that waits take over, with what it asks for
    Consent {
        /// NAME@VERSION
        extension: String,
    },
    /// Put the version of before back
    Rollback {
        /// Its name, registry id or install id
        extension: String,
    },
    /// Let it take requests
    Enable {
        /// Its name, registry id or install id
        extension: String,
    },
    /// Let it take no requests; nothing is lost
    Disable {
        /// Its name, registry id or install id
        extension: String,
    },
    /// Seal a secret that it declares; the one of this name before is gone
    SetSecret {
        /// Its name, registry id or install id
        extension: String,
        /// The secret's name
        name: String,
        /// File with the secret; `-` is standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Forget a secret
    DeleteSecret {
        /// Its name, registry id or install id
        extension: String,
        /// The secret's name
        name: String,
    },
    /// Replace configuration, hosts and limits; what is left out goes back to what it declares
    SetTerms {
        /// Its name, registry id or install id
        extension: String,
        /// Set a configuration key; repeat for more
        #[arg(long = "config", value_name = "KEY=VALUE")]
        config: Vec<String>,
        /// Let it call this host only, of those that it declares; repeat for more
        #[arg(long = "egress", value_name = "HOST")]
        egress: Vec<String>,
        /// Time for one execution in milliseconds
        #[arg(long)]
        timeout_ms: Option<u32>,
        /// Memory for one execution in MiB
        #[arg(long)]
        memory_mb: Option<u32>,
    },
    /// Take it away, with its configuration, secrets and records
    Uninstall {
        /// Its name, registry id or install id
        extension: String,
    },
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (method, action, body) = request(&arguments.action, printer)?;
    let tenant = arguments
        .tenant
        .as_ref()
        .ok_or_else(|| CliError::user("which tenant?".to_owned()).with_hint("pass --tenant"))?;
    let path = format!("/v1/registry/tenants/{tenant}/installs{action}");
    let answer = arguments
        .operator
        .send_compiling(method, &path, "application/json", body, printer)?;
    printer.output(&answer, || render(&answer));
    Ok(())
}

/// Method, path below the installs, and body.
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
            timeout_ms,
            memory_mb,
        } => {
            let egress = (!egress.is_empty()).then_some(egress.as_slice());
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
            "{install}\nthe new version waits for consent; it could also use:\n{new}\nlet it: `alga installs consent NAME@VERSION --tenant …`"
        )
    } else {
        format!("{install}\nupgraded; the new version can do nothing that the old one could not")
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
