use crate::GrantSet;
use alga_bundle::{ExtensionId, InstallId, RequestId, TenantId, VersionId};
use std::collections::BTreeMap;
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

/// The permission to execute once. Whoever made one has checked token, install and limits; the layers below need nothing else.
#[derive(Debug)]
pub struct Permit {
    /// Whose execution.
    pub identity: Identity,
    /// Why.
    pub trigger: Trigger,
    /// The install's configuration, without secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// What is granted.
    pub grants: GrantSet,
    /// Bytes of memory for the guest.
    pub memory_bytes: usize,
    /// When it must be over.
    pub deadline: Instant,
}
