use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_auth::{Access, Caller, TenantRole, TokenIssuer, is_user_id};
use alga_bundle::TenantId;
use alga_server::HostKeys;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Tenant of the caller
    #[arg(long)]
    tenant: TenantId,
    /// User id of the caller
    #[arg(long, default_value = "operator")]
    user: String,
    /// Access to extensions
    #[arg(long, value_enum, default_value_t = May::Write)]
    access: May,
    /// Role in the tenant: caller, viewer (reads installs) or administrator (manages installs)
    #[arg(long, value_enum, default_value_t = In::Caller)]
    role: In,
    /// Lifetime in minutes, at most 720
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Data directory of the platform on this machine
    #[arg(long, env = "ALGA_DATA", hide_env_values = true, default_value = "alga-data")]
    data: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum May {
    Read,
    Write,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum In {
    Caller,
    Viewer,
    Administrator,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    if !arguments.data.join("tokens.key").exists() {
        let failed = CliError::user(format!("there is no platform in `{}`", arguments.data.display()));
        return Err(failed.with_hint("start one with `alga serve`, or pass --data <its data directory>"));
    }
    if !is_user_id(&arguments.user) {
        return Err(CliError::user("a user id has 1 to 128 visible ASCII characters"));
    }
    let lifetime = Duration::from_secs(u64::from(arguments.minutes) * 60);
    if lifetime > Caller::LONGEST {
        return Err(CliError::user("a token is valid for at most 720 minutes"));
    }
    let keys = HostKeys::open(&arguments.data).user_error("")?;
    let key = keys.callers().user_error("")?;
    let issuer = TokenIssuer::new(&key.to_keypair_bytes(), Caller::AUDIENCE).internal_error("")?;
    let mut caller = Caller::developer(arguments.tenant.clone());
    caller.user_id.clone_from(&arguments.user);
    caller.user_name.clone_from(&arguments.user);
    caller.access = match arguments.access {
        May::Read => Access::Read,
        May::Write => Access::Write,
    };
    caller.role = match arguments.role {
        In::Caller => TenantRole::Caller,
        In::Viewer => TenantRole::Viewer,
        In::Administrator => TenantRole::Administrator,
    };
    let token = issuer.issue(&caller, lifetime).internal_error("")?;
    printer.output(
        &json!({ "token": token, "tenant": arguments.tenant, "minutes": arguments.minutes }),
        || token.clone(),
    );
    Ok(())
}
