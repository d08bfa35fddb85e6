use crate::GrantSet;
use alga_bundle::{EgressPattern, ExtensionId, InstallId, RequestId, TenantId, VersionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// The identity of one execution.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Id of this execution.
    pub request: RequestId,
    /// Tenant of the execution.
    pub tenant: TenantId,
    /// Extension that is executed.
    pub extension: ExtensionId,
    /// The tenant's install of the extension; storage belongs to the install.
    pub install: InstallId,
    /// Version that is executed, if it is known.
    pub version: Option<VersionId>,
}

/// The trigger of an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trigger {
    /// An HTTP request arrived.
    #[default]
    Http,
    /// A schedule fired.
    Schedule(String),
    /// An event arrived.
    Event(String),
}

/// The kind of the calling user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// A member of the tenant's own staff.
    #[default]
    Internal,
    /// A customer of the tenant.
    Client,
}

/// The calling user, as authenticated by the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "wit/deps/alga-user/user.wit documents them")]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: String,
    pub kind: UserKind,
    pub client_id: Option<String>,
    pub client_name: Option<String>,
    pub additional_fields: BTreeMap<String, String>,
}

/// The permission to execute once. Its creator has checked token, install and limits; the layers
/// below need no other input to decide what the execution may do.
#[derive(Debug)]
pub struct Permit {
    /// Identity of the execution.
    pub identity: Identity,
    /// Trigger of the execution.
    pub trigger: Trigger,
    /// The install's configuration, without secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// The calling user; `None` if a schedule or an event started the execution.
    pub user: Option<User>,
    /// The granted capabilities.
    pub grants: GrantSet,
    /// The hosts that the manifest declares and the tenant allows.
    pub egress: Arc<BTreeSet<EgressPattern>>,
    /// Maximum memory of the guest, in bytes.
    pub memory_bytes: usize,
    /// Deadline of the execution.
    pub deadline: Instant,
}
