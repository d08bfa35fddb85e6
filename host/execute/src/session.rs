use crate::admission::Counters;
use crate::loader::SessionCache;
use crate::quota::Subjects;
use alga_auth::ServiceGrant;
use alga_bundle::EgressPattern;
use alga_capabilities::GrantSet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The rights of a service grant, with the counters and the cached component of its install. Made
/// once for many executions.
pub struct Session {
    pub(crate) grant: ServiceGrant,
    pub(crate) grants: GrantSet,
    pub(crate) egress: Arc<BTreeSet<EgressPattern>>,
    /// Configuration of the calls that this session is for, if it is for some.
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) counters: Counters,
    pub(crate) subjects: Subjects,
    pub(crate) held: SessionCache,
}
