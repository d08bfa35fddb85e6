use crate::admission::Counters;
use crate::loader::SessionCache;
use alga_auth::ServiceGrant;
use alga_bundle::EgressPattern;
use alga_capabilities::GrantSet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Content of a verified service token, with its counters and its cached component.
pub(crate) struct TokenSession {
    pub(crate) grant: ServiceGrant,
    pub(crate) grants: GrantSet,
    pub(crate) egress: Arc<BTreeSet<EgressPattern>>,
    pub(crate) counters: Counters,
    pub(crate) held: SessionCache,
}
