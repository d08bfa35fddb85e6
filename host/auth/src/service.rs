use alga_bundle::{CapabilityName, Digest, EgressPattern, ExtensionId, InstallId, TenantId, VersionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a service token says: the one context in which the runner may execute for its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceGrant {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The extension.
    pub extension_id: ExtensionId,
    /// The tenant's install of it.
    pub install_id: InstallId,
    /// The version that is installed.
    pub version_id: VersionId,
    /// The content of that version.
    pub content_hash: Digest,
    /// What the install granted.
    pub grants: Vec<CapabilityName>,
    /// The hosts that the install allows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub egress: BTreeSet<EgressPattern>,
}

impl ServiceGrant {
    /// Whom the token is for.
    pub const AUDIENCE: &'static str = "alga-runner";
    /// How long a token may be valid: a stolen one is of little use, a reused one saves the price of a signature.
    pub const LONGEST: Duration = Duration::from_secs(60);
    /// Bytes of such a token: it names up to 100 hosts of 261 characters, in base64.
    pub const BYTES: usize = 64 * 1024;
}
