use crate::client::OperatorArguments;
use crate::files::read_secret;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use crate::reference::{name_and_version, parse_version};
use alga_bundle::{EgressPattern, InstallId, TenantId};
use alga_registry_types::{
    ConsentRequest, Install, Installs, Operation, Page, SecretRequest, StatisticsQuery, TermsRequest, Upgrade,
    UpgradeOutcome, UpgradeRequest, consent, delete_secret, disable, enable, executions, installs, roll_back,
    set_secret, set_terms, show_install, statistics, uninstall, upgrade,
};
use clap::{Args, Subcommand};
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
    /// Show how many executions there were at each endpoint, with their durations and processor
    /// time
    Statistics {
        /// Extension name, extension id or install id
        extension: String,
        /// Length of the time up to now, in minutes, at most 62 days; the current minute is not
        /// yet counted
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=89_280))]
        minutes: i64,
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
        #[command(flatten)]
        terms: Terms,
    },
    /// Uninstall, deleting configuration, secrets and records
    Uninstall {
        /// Extension name, extension id or install id
        extension: String,
    },
}

#[derive(Args)]
struct Terms {
    /// Set a configuration key; repeat for more
    #[arg(long = "config", value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// Allow only this host, of those that the extension declares; repeat for more
    #[arg(long = "egress", value_name = "HOST")]
    egress: Vec<EgressPattern>,
    /// Allow no host at all
    #[arg(long, conflicts_with = "egress")]
    no_egress: bool,
    /// Time limit of one execution in milliseconds
    #[arg(long)]
    timeout_ms: Option<u32>,
    /// Memory limit of one execution in MiB
    #[arg(long)]
    memory_mb: Option<u32>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let no_tenant = || CliError::user("no tenant is given".to_owned()).with_hint("pass --tenant");
    let tenant = arguments.tenant.as_ref().ok_or_else(no_tenant)?;
    let operator = &arguments.operator;
    let show = |operation: &Operation<Install>| -> Outcome {
        let install = operator.run_compiling(operation, printer)?;
        printer.output(&install, || line(&install));
        Ok(())
    };
    let run = |operation: &Operation<()>| -> Outcome {
        operator.run(operation)?;
        printer.output(&(), || "done".to_owned());
        Ok(())
    };
    match &arguments.action {
        Action::List => list(operator, tenant, printer),
        Action::Log { extension, limit } => {
            let page = Page {
                after: None,
                limit: Some(*limit),
            };
            let log = operator.run(&executions(tenant, extension, &page))?;
            printer.output(&log, || super::log::all(&log.executions));
            Ok(())
        }
        Action::Statistics { extension, minutes } => {
            let now = jiff::Timestamp::now().as_millisecond();
            let query = StatisticsQuery {
                from_ms: Some(now.saturating_sub(minutes.saturating_mul(60_000))),
                to_ms: Some(now),
            };
            let sums = operator.run(&statistics(tenant, extension, &query))?;
            printer.output(&sums, || super::statistics::table(&sums));
            Ok(())
        }
        Action::Upgrade {
            extension,
            allow_downgrade,
        } => {
            let (name, version) = name_and_version(extension)?;
            let request = UpgradeRequest {
                version: parse_version(version)?,
                allow_downgrade: *allow_downgrade,
            };
            let upgrade = operator.run_compiling(&upgrade(tenant, name, &request), printer)?;
            printer.output(&upgrade, || render_upgrade(&upgrade));
            Ok(())
        }
        Action::Consent { extension } => {
            let (name, version) = name_and_version(extension)?;
            let version = parse_version(version)?;
            show(&consent(tenant, name, &ConsentRequest { version }))
        }
        Action::Show { extension } => show(&show_install(tenant, extension)),
        Action::Rollback { extension } => show(&roll_back(tenant, extension)),
        Action::Enable { extension } => show(&enable(tenant, extension)),
        Action::Disable { extension } => show(&disable(tenant, extension)),
        Action::SetTerms { extension, terms } => show(&set_terms(tenant, extension, &terms.request()?)),
        Action::SetSecret { extension, name, file } => {
            let value = read_secret(file, printer)?.into();
            run(&set_secret(tenant, extension, name, &SecretRequest { value }))
        }
        Action::DeleteSecret { extension, name } => run(&delete_secret(tenant, extension, name)),
        Action::Uninstall { extension } => run(&uninstall(tenant, extension)),
    }
}

/// Prints all installs of a tenant, page by page.
fn list(operator: &OperatorArguments, tenant: &TenantId, printer: &Printer) -> Outcome {
    let mut all = Installs {
        installs: Vec::new(),
        next: None,
    };
    loop {
        let page = Page {
            after: all.next.as_ref().map(InstallId::as_str),
            limit: None,
        };
        let page = operator.run(&installs(tenant, &page))?;
        all.installs.extend(page.installs);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    printer.output(&all, || all.installs.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

impl Terms {
    fn request(&self) -> Outcome<TermsRequest> {
        Ok(TermsRequest {
            config: super::install::config(&self.config)?,
            egress: super::install::egress(self.no_egress, &self.egress),
            limits: super::install::limits(self.timeout_ms, self.memory_mb),
        })
    }
}

fn render_upgrade(upgrade: &Upgrade) -> String {
    let install = line(&upgrade.install);
    if upgrade.outcome == UpgradeOutcome::Upgraded {
        return format!("{install}\nupgraded; the new version has no new permissions");
    }
    let new = upgrade.diff.entries().map(|(kind, name)| format!("  {kind}: {name}"));
    let new = new.collect::<Vec<_>>().join("\n");
    format!(
        "{install}\nthe new version waits for consent; it additionally requires:\n{new}\napprove it: `alga installs consent NAME@VERSION --tenant …`"
    )
}

fn line(install: &Install) -> String {
    let pending = if install.pending_version_id.is_some() {
        ", an upgrade waits for consent"
    } else {
        ""
    };
    format!(
        "{} {} ({}{pending}) {}",
        install.name,
        install.manifest.version,
        install.status.as_str(),
        install.id
    )
}
