use crate::client::OperatorArguments;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use alga_auth::{Access, PrincipalKind};
use alga_bundle::TenantId;
use alga_registry_types::{ApiKey, ApiKeys, KeyRequest, Page, create_key, keys, revoke_key};
use clap::{Args, Subcommand};
use jiff::Timestamp;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga keys create --kind publisher --name 'com.example.*' --label ci > publish.key
  alga publish dist/bundle.tar.zst --token-file publish.key
  alga keys create --kind tenant_administrator --tenant acme --label terraform
  alga keys revoke 019ac0aa2479e5e90b1c --tenant acme

Kinds of key: operator (the whole platform), publisher (extensions whose names it has), tenant_administrator (installs,
grants, secrets and keys of a tenant), tenant_viewer (reads installs and executions), caller (calls extensions).";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// Create a key and print it; it is not shown again
    Create(New),
    /// List keys with their last use, oldest first
    List(Owner),
    /// Revoke a key permanently, at once
    Revoke {
        /// Id of the key: the 20 digits after `alga_`
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
}

#[derive(Args)]
struct Owner {
    /// Tenant of the key; without it, a key of the platform
    #[arg(long)]
    tenant: Option<TenantId>,
}

#[derive(Args)]
struct New {
    /// Kind of key: operator, publisher, tenant_administrator, tenant_viewer or caller
    #[arg(long)]
    kind: PrincipalKind,
    /// Label by which the key is recognized in lists and in the audit log
    #[arg(long)]
    label: String,
    /// Extension that a publisher's key is for, or all below a domain: 'com.example.*'; repeatable
    #[arg(long = "name")]
    names: Vec<String>,
    /// Access of a tenant's key to the tenant's extensions: none, read or write
    #[arg(long)]
    access: Option<Access>,
    /// Lifetime in days, at most 366
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=366))]
    days: u64,
    #[command(flatten)]
    owner: Owner,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let operator = &arguments.operator;
    match &arguments.action {
        Action::Create(new) => create(operator, new, printer),
        Action::List(owner) => list(operator, owner.tenant.as_ref(), printer),
        Action::Revoke { id, owner } => {
            operator.run(&revoke_key(owner.tenant.as_ref(), id))?;
            printer.output(&serde_json::json!({ "revoked": id }), || format!("revoked {id}"));
            Ok(())
        }
    }
}

fn create(operator: &OperatorArguments, new: &New, printer: &Printer) -> Outcome {
    let tenant = new.owner.tenant.as_ref();
    if new.kind.is_tenant() != tenant.is_some() {
        let error = CliError::user(format!(
            "a key of kind {} belongs to {}",
            new.kind,
            if new.kind.is_tenant() {
                "a tenant"
            } else {
                "the platform"
            }
        ));
        let hint = if new.kind.is_tenant() {
            "pass --tenant"
        } else {
            "omit --tenant"
        };
        return Err(error.with_hint(hint));
    }
    let request = KeyRequest {
        kind: new.kind,
        label: new.label.clone(),
        names: new.names.iter().cloned().collect(),
        access: new.access,
        lifetime_seconds: Some(new.days * 24 * 60 * 60),
    };
    let created = operator.run(&create_key(tenant, &request))?;
    printer.output(&created, || created.secret.clone());
    printer.note(&format!(
        "created key {}; store it now, because it is not shown again; it expires {}",
        created.key.id,
        day(created.key.expires_at_ms)
    ));
    Ok(())
}

fn list(operator: &OperatorArguments, tenant: Option<&TenantId>, printer: &Printer) -> Outcome {
    let mut all = ApiKeys {
        keys: Vec::new(),
        next: None,
    };
    loop {
        let page = Page {
            after: all.next.as_deref(),
            limit: None,
        };
        let page = operator.run(&keys(tenant, &page))?;
        all.keys.extend(page.keys);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    printer.output(&all, || all.keys.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn line(key: &ApiKey) -> String {
    let validity = match key.revoked_at_ms {
        Some(revoked) => format!("revoked {}", day(revoked)),
        None => format!("expires {}", day(key.expires_at_ms)),
    };
    let used = key
        .used_at_ms
        .map_or("never used".to_owned(), |used| format!("used {}", day(used)));
    let names = if key.names.is_empty() {
        String::new()
    } else {
        format!(" {}", key.names.join(","))
    };
    let ApiKey {
        id,
        kind,
        label,
        created_by,
        ..
    } = key;
    format!("{id} {kind}{names} \"{label}\" by {created_by}, {validity}, {used}")
}

/// Formats a time as a day in UTC.
fn day(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds);
    time.map_or_else(
        |_| milliseconds.to_string(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}
