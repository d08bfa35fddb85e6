use crate::client::OperatorArguments;
use crate::files::{read_manifest, read_secret};
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use crate::reference::name_and_version;
use alga_bundle::{CapabilityName, EgressPattern, ManifestLimits, TenantId};
use alga_registry_types::{InstallRequest, show_version};
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use zeroize::Zeroizing;

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
    egress: Vec<EgressPattern>,
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
        arguments.grants.iter().cloned().collect()
    };
    let request = InstallRequest {
        extension: name.clone(),
        version: version.clone(),
        grants,
        allow_downgrade: arguments.allow_downgrade,
        config: config(&arguments.config)?,
        egress: egress(arguments.no_egress, &arguments.egress),
        limits: limits(arguments.timeout_ms, arguments.memory_mb),
        secrets: secrets(&arguments.secrets, printer)?,
    };
    let operation = alga_registry_types::install(&arguments.tenant, &request);
    let install = arguments.operator.run_compiling(&operation, printer)?;
    printer.output(&install, || {
        let grants: Vec<_> = install.grants.iter().map(CapabilityName::as_str).collect();
        format!(
            "{name} {version} is installed for {} as {}\ngranted: {}",
            arguments.tenant,
            install.id,
            grants.join(", ")
        )
    });
    Ok(())
}

fn extension(arguments: &Arguments) -> Outcome<(String, String)> {
    match &arguments.extension {
        Some(text) => {
            let (name, version) = name_and_version(text)?;
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
fn declared(arguments: &Arguments, name: &str, version: &str) -> Outcome<BTreeSet<CapabilityName>> {
    let version = arguments.operator.run(&show_version(name, version))?;
    Ok(version.manifest.capabilities.into_iter().collect())
}

pub(super) fn config(pairs: &[String]) -> Outcome<BTreeMap<String, String>> {
    let split = |pair: &String| match pair.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(CliError::user(format!("`{pair}` is not KEY=VALUE"))),
    };
    pairs.iter().map(split).collect()
}

/// Returns the hosts that the install may call; `None` if the arguments do not restrict them.
pub(super) fn egress(is_none: bool, hosts: &[EgressPattern]) -> Option<BTreeSet<EgressPattern>> {
    (is_none || !hosts.is_empty()).then(|| hosts.iter().cloned().collect())
}

/// Returns the limits, if one is given.
pub(super) fn limits(timeout_ms: Option<u32>, memory_mb: Option<u32>) -> Option<ManifestLimits> {
    let is_given = timeout_ms.is_some() || memory_mb.is_some();
    is_given.then_some(ManifestLimits { memory_mb, timeout_ms })
}

fn secrets(pairs: &[String], printer: &Printer) -> Outcome<BTreeMap<String, Zeroizing<String>>> {
    let read = |pair: &String| match pair.split_once("=@") {
        Some((name, file)) => Ok((name.to_owned(), read_secret(Path::new(file), printer)?.into())),
        None => Err(CliError::user(format!("`{pair}` is not NAME=@FILE"))),
    };
    pairs.iter().map(read).collect()
}
