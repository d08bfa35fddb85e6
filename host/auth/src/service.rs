use alga_bundle::{CapabilityName, Digest, EgressPattern, ExtensionId, InstallId, TenantId, VersionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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
}

impl ServiceGrant {
    /// The `aud` claim of service tokens.
    pub const AUDIENCE: &'static str = "alga-runner";
    /// Maximum lifetime of a token: short enough that a stolen one is of little use, long enough
    /// that reusing one saves signatures.
    pub const LONGEST: Duration = Duration::from_secs(60);
    /// Maximum bytes of a token: it names up to 100 hosts of 261 characters, in base64.
    pub const BYTES: usize = 64 * 1024;
}
