//! What capabilities have around them: given by the composition root once for a process, and once for an execution.

use crate::guest_log::GuestLog;
use crate::secret_injector::SecretInjector;
use crate::{Backend, MetricRegistry, Permit, ProductClient, Release, SecretSource};
use alga_egress::{Egress, Traffic};
use std::sync::Arc;

/// What there is outside: a capability takes what it needs and nothing else. Made once by the composition root.
#[derive(Clone)]
pub struct HostDependencies {
    /// Keeps records.
    pub records: Arc<dyn Backend>,
    /// Authenticates cursors; the same for all processes of a fleet.
    pub cursor_key: [u8; 32],
    /// The way out.
    pub egress: Arc<Egress>,
    /// Opens secrets of installs.
    pub secrets: Arc<dyn SecretSource>,
    /// The product, if it has an address.
    pub platform: Option<ProductClient>,
    /// The product's routes that manifests name, if they have an address.
    pub ui_proxy: Option<ProductClient>,
    /// Counts what extensions measure.
    pub metrics: Arc<MetricRegistry>,
}

/// What the states of one execution begin from.
pub(crate) struct ExecutionContext<'a> {
    pub(crate) permit: &'a Arc<Permit>,
    pub(crate) release: &'a Arc<Release>,
    pub(crate) guest_log: &'a GuestLog,
    pub(crate) traffic: &'a Traffic,
    pub(crate) secret_injector: &'a SecretInjector,
}
