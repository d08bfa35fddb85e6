//! The runner, as the gateway calls it: in this process, or over the network.

mod caching;
mod freshness;
mod local;
mod remote;

pub(crate) use caching::CacheStatus;
pub use caching::CachingRunner;
pub use local::LocalRunner;
pub use remote::RemoteRunner;

use crate::installs::Resolved;
use alga_auth::{Caller, ServiceGrant};
use alga_bundle::RequestId;
use alga_errors::Problem;
use alga_execute::{RequestBody, Usage};
use axum::body::Body;
use http::{Request, Response};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

/// A call of the runner in progress.
pub type RunnerFuture<'a> = Pin<Box<dyn Future<Output = Result<RunnerResponse, Problem>> + Send + 'a>>;

/// Executes requests for installs.
pub trait Runner: Send + Sync {
    /// Executes a request. The guest may still write the response when it is returned; dropping it
    /// cancels the guest.
    fn execute<'a>(&'a self, call: RunnerCall<'a>) -> RunnerFuture<'a>;
}

/// A request for an install, with what the gateway decided about it.
pub struct RunnerCall<'a> {
    pub(crate) resolved: &'a Arc<Resolved>,
    pub(crate) caller: &'a Arc<Caller>,
    pub(crate) request_id: RequestId,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) timeout_ms: u64,
    /// Method, canonical path with query, the fields that a guest may see, and the body.
    pub(crate) http: Request<RequestBody>,
    /// True if the manifest calls the endpoint cacheable.
    pub(crate) is_cacheable: bool,
    pub(crate) started: Instant,
}

/// Response of a guest, before the policy for responses is applied.
pub struct RunnerResponse {
    pub(crate) response: Response<Body>,
    /// Usage of the execution, if it has ended.
    pub(crate) usage: Option<Usage>,
}

impl Resolved {
    /// Returns what the install's present state allows.
    fn grant(&self) -> ServiceGrant {
        let install = &self.install;
        ServiceGrant {
            tenant_id: install.tenant_id.clone(),
            extension_id: install.extension_id.clone(),
            install_id: install.id.clone(),
            version_id: install.version_id.clone(),
            content_hash: install.content_hash,
            grants: install.grants.iter().cloned().collect(),
            egress: install.egress.clone(),
            call: None,
        }
    }

    fn memory_mb(&self) -> Option<u64> {
        self.install.limits.memory_mb.map(u64::from)
    }
}
