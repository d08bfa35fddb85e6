use crate::client::OperatorArguments;
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_bundle::{Meter, Period, TenantId};
use alga_registry_types::{
    InstallUsage, QuotaRequest, QuotaState, TenantUsage, TenantWeight, UsageQuery, quotas, set_quota, set_weight,
    usage, weight,
};
use clap::{Args, Subcommand};
use jiff::Timestamp;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga quotas set --tenant acme --meter requests --period day --hard 100000 --soft 80000
  alga quotas set --tenant acme --install com.example.hello --meter cpu_us --period minute --hard 30000000
  alga quotas set --tenant acme --meter storage_bytes --period always --hard 1000000000
  alga quotas remove --tenant acme --meter requests --period day
  alga quotas list --tenant acme
  alga quotas usage --tenant acme --period month
  alga quotas weight --tenant acme --set 4

Meters: requests, cpu_us (processor time in microseconds), memory_kib_ms (peak memory in KiB times milliseconds),
egress_bytes (sent to other hosts). Periods: minute, day, month, in UTC. A request beyond a hard quota is refused with
429 `quota_exceeded` until the period ends; a change is effective within two seconds. The meter storage_bytes (what is
stored) has the period always: an extension's write beyond its hard quota fails.";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List the quotas of a tenant and of its installs, with what is leased in the current period
    List {
        /// Tenant of the quotas
        #[arg(long)]
        tenant: TenantId,
    },
    /// Set the limits of a meter
    Set {
        #[command(flatten)]
        quota: QuotaArguments,
        /// Amount that is not exceeded
        #[arg(long, required_unless_present = "soft", value_parser = clap::value_parser!(i64).range(0..))]
        hard: Option<i64>,
        /// Amount above which the operator's log has a warning
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        soft: Option<i64>,
    },
    /// Remove the limits of a meter
    Remove {
        #[command(flatten)]
        quota: QuotaArguments,
    },
    /// Show or set the share of a tenant in the processors, when several tenants compete
    Weight {
        /// Tenant of the weight
        #[arg(long)]
        tenant: TenantId,
        /// Weight from 1 to 1000: a tenant with 4 gets four times as much as one with 1
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        set: Option<u32>,
        /// Reset the weight to the configured one
        #[arg(long, conflicts_with = "set")]
        reset: bool,
    },
    /// Show what the installs of a tenant used: its bill
    Usage {
        /// Tenant of the quotas
        #[arg(long)]
        tenant: TenantId,
        /// Length of the period: day or month
        #[arg(long, default_value = "day")]
        period: Period,
        /// Any time in the period, such as 2026-11-01T00:00:00Z; now if omitted
        #[arg(long)]
        at: Option<Timestamp>,
    },
}

#[derive(Args)]
struct QuotaArguments {
    /// Tenant of the quota
    #[arg(long)]
    tenant: TenantId,
    /// Install, by extension name, extension id or install id; without it, all installs
    #[arg(long)]
    install: Option<String>,
    /// Meter that is limited: requests, cpu_us, memory_kib_ms, egress_bytes or storage_bytes
    #[arg(long)]
    meter: Meter,
    /// Time after which it starts again: minute, day or month; always for storage_bytes
    #[arg(long)]
    period: Period,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let operator = &arguments.operator;
    match &arguments.action {
        Action::List { tenant } => {
            let listed = operator.run(&quotas(tenant))?;
            printer.output(&listed, || {
                listed.quotas.iter().map(line).collect::<Vec<_>>().join("\n")
            });
            Ok(())
        }
        Action::Set { quota, hard, soft } => set(operator, quota, (*hard, *soft), printer),
        Action::Remove { quota } => set(operator, quota, (None, None), printer),
        Action::Weight { tenant, set, reset } => {
            if set.is_some() || *reset {
                operator.run(&set_weight(tenant, TenantWeight { weight: *set }))?;
            }
            let weight = operator.run(&weight(tenant))?;
            let text = |weight: u32| weight.to_string();
            printer.output(&weight, || {
                weight.weight.map_or_else(|| "as configured".to_owned(), text)
            });
            Ok(())
        }
        Action::Usage { tenant, period, at } => {
            let query = UsageQuery {
                period: Some(*period),
                at_ms: at.map(Timestamp::as_millisecond),
            };
            let used = operator.run(&usage(tenant, &query))?;
            printer.output(&used, || bill(&used));
            Ok(())
        }
    }
}

fn set(
    operator: &OperatorArguments,
    quota: &QuotaArguments,
    (hard, soft): (Option<i64>, Option<i64>),
    printer: &Printer,
) -> Outcome {
    let request = QuotaRequest {
        meter: quota.meter,
        period: quota.period,
        hard,
        soft,
    };
    operator.run(&set_quota(&quota.tenant, quota.install.as_deref(), &request))?;
    printer.output(&request, || {
        let (meter, period) = (quota.meter, quota.period);
        let limits = limits(hard, soft);
        format!("{meter} per {period}: {limits}")
    });
    Ok(())
}

fn limits(hard: Option<i64>, soft: Option<i64>) -> String {
    match (hard, soft) {
        (Some(hard), Some(soft)) => format!("at most {hard}, warning above {soft}"),
        (Some(hard), None) => format!("at most {hard}"),
        (None, Some(soft)) => format!("warning above {soft}"),
        (None, None) => "no limit".to_owned(),
    }
}

fn line(quota: &QuotaState) -> String {
    let whose = quota
        .install_id
        .as_ref()
        .map_or_else(|| "tenant".to_owned(), |install| format!("install {install}"));
    let QuotaState {
        meter,
        period,
        leased,
        ends_at_ms,
        ..
    } = quota;
    let limits = limits(quota.hard, quota.soft);
    let ends = Timestamp::from_millisecond(ends_at_ms.saturating_add(1));
    let ends = ends.map_or_else(|_| String::new(), |ends| format!(", starts again {ends}"));
    format!("{whose}: {meter} per {period}: {leased} leased, {limits}{ends}")
}

fn bill(used: &TenantUsage) -> String {
    let line = |InstallUsage {
                    install_id,
                    meter,
                    used,
                }: &InstallUsage| format!("{install_id} {meter} {used}");
    used.usage.iter().map(line).collect::<Vec<_>>().join("\n")
}
