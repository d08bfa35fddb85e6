//! One request to one outcome: permit, load, instantiate, call, account.
//!
//! | module | its one idea |
//! |---|---|
//! | `router` | HTTP: `POST /v1/execute`, `/healthz`, `/readyz` |
//! | `wire` | the JSON of the contract, in and out |
//! | `admit` | who may execute this: token, header and body agree, limits are clamped, there is room |
//! | `loader` | bytes to something that can be instantiated, verified on the way |
//! | `invoke` | a fresh store, one call, a bounded response |
//! | `idempotency` | one execution for one key |
//! | `service` | the order in which all of this happens |

mod admission;
mod admit;
mod idempotency;
mod invoke;
pub mod limits;
mod loader;
mod router;
mod service;
mod wire;

pub use admission::AdmissionLimits;
pub use invoke::GuestResponse;
pub use limits::ExecutionDefaults;
pub use loader::{BundleSource, Loader, LoaderParts, SourceError, SourceFuture, StoredRelease};
pub use router::router;
pub use service::{ExecuteService, ExecuteServiceParts};
pub use wire::{OneOrMany, Usage, WireContext, WireError, WireHttp, WireLimits, WireReply, WireRequest};

/// Fuzz targets reach in here; nobody else should.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads a request as `POST /v1/execute` does.
    #[must_use]
    pub fn execute_request_is_read(bytes: &[u8]) -> bool {
        let Ok(wire) = serde_json::from_slice::<crate::WireRequest<'_>>(bytes) else { return false };
        crate::admit::guest_request(&wire.http, "fuzz").is_ok()
    }
}
