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
pub use wire::{OneOrMany, Usage, WireContext, WireError, WireHttp, WireLimits, WireReply, WireRequest, WireUser};

/// `cargo xtask bench execute` reaches in here to measure an execution without HTTP; nobody else should.
#[doc(hidden)]
pub mod measuring {
    use crate::service::ExecuteService;
    use alga_capabilities::Permit;
    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;
    use std::sync::Arc;

    /// One call of what is ready already: store, instantiation, call, response.
    pub async fn invoke_once(
        service: &ExecuteService,
        content_hash: alga_bundle::Digest,
        permit: &Arc<Permit>,
    ) -> Option<u16> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = http::Uri::from_static("/hello/you");
        request
            .headers_mut()
            .insert(http::header::HOST, http::HeaderValue::from_static("extension.invalid"));
        service.invoke_ready(content_hash, permit, request).await
    }
}

/// Fuzz targets reach in here; nobody else should.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads a request as `POST /v1/execute` does.
    #[must_use]
    pub fn execute_request_is_read(bytes: &[u8]) -> bool {
        let Ok(wire) = serde_json::from_slice::<crate::WireRequest<'_>>(bytes) else {
            return false;
        };
        crate::admit::guest_request(&wire.http, "fuzz").is_ok()
    }
}
