//! Host dependencies shared by all capabilities, which the composition root builds once per
//! process, and the context that each execution starts from.

use crate::guest_log::GuestLog;
use crate::metric_registry::MetricRegistry;
use crate::secret_injector::SecretInjector;
use crate::storage_backend::Backend;
use crate::traced_calls::TracedCalls;
use crate::{Permit, ProductClient, Release, SecretSource, TimeSource};
use alga_egress::{Egress, Traffic};
use alga_traces::InnermostSpan;
use std::sync::Arc;

/// Host dependencies of the capabilities, built once by the composition root. Each capability
/// clones only those that it needs.
#[derive(Clone)]
pub struct HostDependencies {
    /// Storage backend for records.
    pub records: Arc<dyn Backend>,
    /// Key that authenticates list cursors; all processes of a fleet have the same one.
    pub cursor_key: [u8; 32],
    /// Client for outbound HTTP (egress).
    pub egress: Arc<Egress>,
    /// Source of the installs' secrets.
    pub secrets: Arc<dyn SecretSource>,
    /// Client for the host application's internal API, if its URL is configured.
    pub platform: Option<ProductClient>,
    /// Client for the host application's routes that manifests declare, if their URL is configured.
    pub ui_proxy: Option<ProductClient>,
    /// Registry of the extensions' metrics.
    pub metrics: Arc<MetricRegistry>,
    /// Time of guests, if it is not that of the machine: in tests of extensions.
    pub time: Option<Arc<dyn TimeSource>>,
}

/// The context that the capability states of one execution are created from.
pub(crate) struct ExecutionContext<'a> {
    pub(crate) permit: &'a Arc<Permit>,
    pub(crate) release: &'a Arc<Release>,
    pub(crate) guest_log: &'a GuestLog,
    pub(crate) traffic: &'a Traffic,
    pub(crate) secret_injector: &'a SecretInjector,
    pub(crate) calls: &'a TracedCalls,
    /// The innermost span in progress, if the execution is traced.
    pub(crate) innermost_span: Option<&'a InnermostSpan>,
}
