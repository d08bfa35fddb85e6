//! Groups of settings.

use alga_ui::FrameAncestors;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Limits of the executions that wait to start.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// Longest time for which one waits.
    pub longest_wait: Duration,
    /// Executions of one tenant.
    pub per_tenant: usize,
    /// True if executions start although their quotas cannot be counted at the moment.
    pub quotas_fail_open: bool,
}

/// Executions that have a record although they succeeded and logged nothing, and the time for which
/// records are retained.
#[derive(Debug, Clone, Copy)]
pub struct RecordSettings {
    /// Time for which a record is retained.
    pub life: Duration,
    /// Time for which the sums of executions are retained.
    pub life_of_sums: Duration,
    /// Longest time of one that is not slow, if there is such a limit.
    pub slower_than: Option<Duration>,
    /// One of so many others, if there are samples.
    pub one_in: Option<NonZeroU32>,
}

/// Maximum number of concurrent connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSettings {
    /// Maximum number of all.
    pub total: usize,
    /// Maximum number from one address.
    pub per_address: usize,
}

/// Pages of extensions.
#[derive(Debug, Clone)]
pub struct UiSettings {
    /// Origins that may embed them.
    pub frame_ancestors: FrameAncestors,
    /// Domain below which each install has a host of its own.
    pub root: Option<String>,
    /// URL at which browsers reach the runners.
    pub runner_public_base: Option<String>,
}

/// Hosts that extensions may connect to.
#[derive(Debug, Clone, Default)]
pub struct EgressSettings {
    /// Comma-separated hosts that are allowed.
    pub allowlist: String,
    /// Comma-separated exceptions with private addresses.
    pub exceptions: String,
    /// Comma-separated blocks of public addresses that are denied.
    pub denied: String,
    /// PEM file with additional CA certificates.
    pub authorities: Option<PathBuf>,
}

/// The host application that extensions run in.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// Base URL of the host application.
    pub base: Option<String>,
    /// File with this platform's credential for its internal API.
    pub token_file: Option<PathBuf>,
    /// URL of its routes, if it differs from `base`.
    pub ui_proxy_base: Option<String>,
    /// File with this platform's credential for the routes.
    pub ui_proxy_token_file: Option<PathBuf>,
    /// Time for a call of a route.
    pub ui_proxy_timeout: Duration,
}

/// Location of a Vault, and its key for sealing.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// URL of the Vault.
    pub address: String,
    /// Mount of the transit engine.
    pub mount: String,
    /// Name of the key.
    pub key: String,
    /// File with the token.
    pub token_file: PathBuf,
}

/// Extent to which a process confines itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// As far as the kernel can; the log names what is missing.
    Auto,
    /// Not to start if the kernel cannot.
    Required,
    /// Not at all.
    Off,
}

impl FromStr for Confinement {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "required" => Ok(Self::Required),
            "off" => Ok(Self::Off),
            _ => Err("it is auto, required or off"),
        }
    }
}
