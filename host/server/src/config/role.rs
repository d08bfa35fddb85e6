//! The parts of the platform, and the keys that they share.

use std::path::PathBuf;
use std::str::FromStr;

/// Part of the platform that runs in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Gateway, runner and registry in one process.
    All,
    /// The gateway, which calls runners over the network.
    Gateway,
    /// One of the runners, without a key of the registry, an operator's token, or a key of callers'
    /// tokens.
    Runner,
    /// The registry alone.
    Registry,
}

/// Text that is not a role.
#[derive(Debug, thiserror::Error)]
#[error("a role is all, gateway, runner or registry")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text {
            "all" => Ok(Self::All),
            "gateway" => Ok(Self::Gateway),
            "runner" => Ok(Self::Runner),
            "registry" => Ok(Self::Registry),
            _ => Err(RoleError),
        }
    }
}

impl Role {
    /// Returns the name of the role in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Gateway => "gateway",
            Self::Runner => "runner",
            Self::Registry => "registry",
        }
    }

    /// True if the process serves callers.
    #[must_use]
    pub fn has_gateway(self) -> bool {
        matches!(self, Self::All | Self::Gateway)
    }

    /// True if the process executes extensions.
    #[must_use]
    pub fn has_runner(self) -> bool {
        matches!(self, Self::All | Self::Runner)
    }

    /// True if the process serves publishers and operators.
    #[must_use]
    pub fn has_registry(self) -> bool {
        matches!(self, Self::All | Self::Registry)
    }
}

/// Files of keys that processes share; `None` is the file in the data directory.
#[derive(Debug, Clone, Default)]
pub struct KeyFiles {
    /// Key that signs service tokens.
    pub service: Option<PathBuf>,
    /// Public keys that verify service tokens; `None` is that of `service`.
    pub service_public: Option<PathBuf>,
    /// Public keys that verify callers' tokens; `None` is that of this host's own key.
    pub caller_public: Option<PathBuf>,
    /// Public key that verifies receipts; `None` is that of the registry's own key.
    pub registry_public: Option<PathBuf>,
    /// Keys that seal secrets.
    pub secrets: Option<PathBuf>,
    /// Key that authenticates list cursors.
    pub cursors: Option<PathBuf>,
    /// Key that authenticates cached machine code.
    pub machine_code: Option<PathBuf>,
}

impl KeyFiles {
    /// Returns those that are set.
    pub(crate) fn paths(&self) -> Vec<&PathBuf> {
        let all = [
            &self.service,
            &self.service_public,
            &self.caller_public,
            &self.registry_public,
            &self.secrets,
            &self.cursors,
            &self.machine_code,
        ];
        all.into_iter().flatten().collect()
    }
}
