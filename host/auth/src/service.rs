use crate::Caller;
use alga_bundle::{CapabilityName, Digest, EgressPattern, ExtensionId, InstallId, TenantId, VersionId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Claims of a service token: the one context in which the runner may execute for its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceGrant {
    /// The tenant of the execution.
    pub tenant_id: TenantId,
    /// The extension to execute.
    pub extension_id: ExtensionId,
    /// The tenant's install of the extension.
    pub install_id: InstallId,
    /// The version that is installed.
    pub version_id: VersionId,
    /// The content of that version.
    pub content_hash: Digest,
    /// The capabilities granted to the install.
    pub grants: Vec<CapabilityName>,
    /// The hosts that the install may send requests to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub egress: BTreeSet<EgressPattern>,
    /// The context of the calls that the token is for, at `/v1/http`; absent in a token for
    /// `/v1/execute`, whose body has the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Box<CallContext>>,
}

/// Decisions of the gateway about a call, beyond the request itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallContext {
    /// The calling user, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Caller>,
    /// Configuration of the install.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Time limit in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Memory limit in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
}

impl ServiceGrant {
    /// The `aud` claim of service tokens.
    pub const AUDIENCE: &'static str = "alga-runner";
    /// Maximum lifetime of a token: short enough that a stolen one is of little use, long enough
    /// that reusing one saves signatures.
    pub const LONGEST: Duration = Duration::from_secs(60);
    /// Maximum bytes of a token: up to 100 hosts of 261 characters, 64 KiB of configuration that
    /// JSON may double, and the user, in base64.
    pub const BYTES: usize = 256 * 1024;
}
