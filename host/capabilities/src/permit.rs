use crate::GrantSet;
use alga_bundle::{EgressPattern, ExtensionId, InstallId, RequestId, TenantId, VersionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Whose execution this is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// This execution.
    pub request: RequestId,
    /// The tenant.
    pub tenant: TenantId,
    /// The extension.
    pub extension: ExtensionId,
    /// The tenant's install; storage belongs to it.
    pub install: InstallId,
    /// The version that runs, if it is known.
    pub version: Option<VersionId>,
}

/// Why the execution happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trigger {
    /// A request came.
    #[default]
    Http,
    /// A schedule fired.
    Schedule(String),
    /// An event arrived.
    Event(String),
}

/// What kind of user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// Works for the tenant.
    #[default]
    Internal,
    /// Is a customer of the tenant.
    Client,
}

/// The user whose request it is, as the gateway established it.
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

/// The permission to execute once. Whoever made one has checked token, install and limits; the layers below need nothing else.
#[derive(Debug)]
pub struct Permit {
    /// Whose execution.
    pub identity: Identity,
    /// Why.
    pub trigger: Trigger,
    /// The install's configuration, without secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// Whose request it is; none when a schedule or an event started it.
    pub user: Option<User>,
    /// What is granted.
    pub grants: GrantSet,
    /// The hosts that the tenant allows, of those that the manifest declares.
    pub egress: Arc<BTreeSet<EgressPattern>>,
    /// Bytes of memory for the guest.
    pub memory_bytes: usize,
    /// When it must be over.
    pub deadline: Instant,
}
