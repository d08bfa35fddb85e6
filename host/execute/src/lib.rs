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
//! | `operator_log` | an execution in the operator's log |
//! | `records` | what is kept of an execution for its author |
//! | `service` | the order in which all of this happens |

mod admission;
mod admit;
mod idempotency;
mod invoke;
pub mod limits;
mod loader;
mod operator_log;
mod records;
mod router;
mod service;
mod wire;

pub use admission::AdmissionLimits;
pub use invoke::GuestResponse;
pub use limits::ExecutionDefaults;
pub use loader::{BundleSource, Loader, LoaderDependencies, SourceError, SourceFuture, StoredRelease};
pub use records::{ExecutionRecord, ExecutionRecords};
pub use router::router;
pub use service::{ExecuteService, ExecuteServiceDependencies};
pub use wire::{
    OneOrMany, Usage, WireContext, WireError, WireHeaders, WireHttp, WireLimits, WireReply, WireRequest, WireUser,
    read_wire_headers, wire_headers,
};

/// `cargo xtask bench` reaches in here to measure parts of an execution by themselves; nobody else should.
#[doc(hidden)]
pub mod measuring {
    use crate::invoke::invoke;
    use crate::loader::Prepared;
    use crate::records::ExecutionAccounting;
    use crate::service::{ExecuteService, TokenSession};
    use alga_capabilities::{GrantSet, Permit, Release, Services, new_linker};
    use alga_engine::Engine;
    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;
    use std::sync::Arc;
    use wasmtime::component::Component;
    use wasmtime_wasi_http::p2::bindings::ProxyPre;

    /// What a remembered token stands for.
    pub struct Decision(Arc<TokenSession>);

    impl Decision {
        /// Authenticates once.
        #[must_use]
        pub fn of(service: &ExecuteService, token: &str) -> Option<Self> {
            service.authenticate(token).ok().map(Self)
        }

        /// The grants of a request, and the lookup of what is linked for them.
        pub async fn once(&self, service: &ExecuteService) -> bool {
            service.ready(&self.0, self.0.grants).await.is_some()
        }
    }

    /// A component that is linked with services of the measurement's own.
    pub struct Ready {
        engine: Engine,
        prepared: Prepared,
        services: Services,
    }

    impl Ready {
        /// Links it.
        #[must_use]
        pub fn new(
            engine: &Engine,
            component: &Component,
            release: Release,
            grants: GrantSet,
            services: Services,
        ) -> Option<Self> {
            let linker = new_linker(engine, grants).ok()?;
            let prepared = Prepared {
                pre: ProxyPre::new(linker.instantiate_pre(component).ok()?).ok()?,
                release: Arc::new(release),
                places: 1,
            };
            Some(Self {
                engine: engine.clone(),
                prepared,
                services,
            })
        }

        /// One call; its status.
        pub async fn call(&self, permit: &Arc<Permit>, path: &'static str) -> Option<u16> {
            let mut request = Request::new(Full::new(Bytes::new()));
            *request.uri_mut() = http::Uri::from_static(path);
            request
                .headers_mut()
                .insert(http::header::HOST, http::HeaderValue::from_static("extension.invalid"));
            let mut account = ExecutionAccounting::default();
            let invocation = invoke(
                &self.engine,
                &self.prepared,
                permit,
                &self.services,
                request,
                &mut account,
            );
            invocation.await.result.ok().map(|response| response.status)
        }
    }

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
    use alga_bundle::StrictObject;

    /// Reads a request as `POST /v1/execute` does.
    #[must_use]
    pub fn execute_request_is_read(bytes: &[u8]) -> bool {
        if alga_bundle::check_json(bytes).is_err() {
            return false;
        }
        let Ok(StrictObject(wire)) = serde_json::from_slice::<StrictObject<crate::WireRequest<'_>>>(bytes) else {
            return false;
        };
        crate::admit::guest_request(&wire.http, "fuzz").is_ok()
    }
}
