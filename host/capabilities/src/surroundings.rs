//! What capabilities have around them: given by the composition root once for a process, and once for an execution.

use crate::attachments::Attachments;
use crate::journal::Journal;
use crate::{Backend, MetricRegistry, Permit, Platform, Release, SecretSource};
use alga_egress::{Egress, Traffic};
use std::sync::Arc;

/// What there is outside: a capability takes what it needs and nothing else. Made once by the composition root.
#[derive(Clone)]
pub struct Surroundings {
    /// Keeps records.
    pub records: Arc<dyn Backend>,
    /// Authenticates cursors; the same for all processes of a fleet.
    pub cursor_key: [u8; 32],
    /// The way out.
    pub egress: Arc<Egress>,
    /// Opens secrets of installs.
    pub secrets: Arc<dyn SecretSource>,
    /// The product, if it has an address.
    pub platform: Option<Platform>,
    /// The product's routes that manifests name, if they have an address.
    pub ui_proxy: Option<Platform>,
    /// Counts what extensions measure.
    pub metrics: Arc<MetricRegistry>,
}

/// What the states of one execution begin from.
pub(crate) struct Beginning<'a> {
    pub(crate) permit: &'a Arc<Permit>,
    pub(crate) release: &'a Arc<Release>,
    pub(crate) journal: &'a Journal,
    pub(crate) traffic: &'a Traffic,
    pub(crate) attachments: &'a Attachments,
}
