//! Executes one request: authorize, load, instantiate, call, account.
//!
//! | module | responsibility |
//! |---|---|
//! | `router` | HTTP routes: `POST /v1/execute`, `/healthz`, `/readyz` |
//! | `http_route` | `ANY /v1/http/{path…}`: the request and the response are HTTP itself |
//! | `wire` | JSON types of the request and the response |
//! | `admit` | authorization: token, headers and body agree; limits are clamped |
//! | `admission` | concurrency limits, and the queue of a tenant before them |
//! | `loader` | a verified component, linked and ready to instantiate |
//! | `guest_request` | the request that a guest receives |
//! | `request_body` | the body of a request, complete or streamed |
//! | `run_slots` | guests that compute at the same moment |
//! | `schedule` | whose guest runs next |
//! | `weights` | shares of tenants in the run slots |
//! | `run` | the one execution function: acquire capacity, prepare, call |
//! | `handler` | the handler of a component, by the version of WASI |
//! | `invoke` | one call in a fresh store, with a bounded response |
//! | `invoke_async` | the same for WASI 0.3 |
//! | `live` | what executions do while they run, for readers that follow a tenant |
//! | `profiles` | installs whose guests are sampled |
//! | `runner_metrics` | the state of a runner at a scrape |
//! | `forward` | a guest's response on its way to the client |
//! | `early` | the beginning of a response, received by the request's task |
//! | `execution` | an execution in progress, in its request's task or on the guest threads |
//! | `guest_threads` | threads of guests that compute for longer than a slice |
//! | `response_body` | the body of a response, complete or streamed |
//! | `execution_request` | a request in HTTP's own form, from this process or `/v1/http` |
//! | `idempotency` | one stored outcome per idempotency key |
//! | `operator_log` | log of an execution for the operator |
//! | `quota` | quotas of tenants and installs: credit before an execution, usage after it |
//! | `records` | execution records for the extension's author |
//! | `service` | the dependencies, and who may execute |

mod admission;
mod admit;
mod early;
mod execution;
mod execution_request;
mod forward;
mod guest_request;
mod guest_threads;
mod handler;
mod http_route;
mod idempotency;
mod invoke;
mod invoke_async;
pub mod limits;
mod live;
mod loader;
mod measure;
mod minutes;
mod operator_log;
mod outcome;
mod pace;
mod profiles;
mod quarantine;
mod quota;
mod records;
mod request_body;
mod response_body;
mod router;
mod run;
mod run_slots;
mod runner_metrics;
mod schedule;
mod service;
mod session;
mod slices;
mod traced;
mod usage;
mod warm_up;
mod weights;
mod wire;
mod yielding;

pub use admission::{AdmissionLimits, RunShares};
pub use execution_request::{ExecutionRequest, Replayed, user_of};
pub use guest_threads::GuestThreads;
pub use http_route::{ERROR, GUEST_STATUS, QUOTA, QUOTA_POLICY, REPLAYED, TRACED, USAGE};
pub use idempotency::{Attempt, Claim, IdempotencyStore, StoreFuture};
pub use limits::ExecutionDefaults;
pub use live::{Batch, LiveEvent, LiveEvents, LiveFilter, Place, Reader};
pub use loader::{BundleSource, Loader, LoaderDependencies, SourceError, SourceFuture, StoredRelease};
pub use minutes::ExecutionMinutes;
pub use profiles::{Profiles, Profiling};
pub use quarantine::Quarantine;
pub use quota::{LeaseFuture, QuotaFields, QuotaStore, Quotas};
pub use records::{ExecutionRecord, ExecutionRecords};
pub use request_body::{BodyProgress, RequestBody};
pub use response_body::{Failed, Interrupted, ResponseBody};
pub use router::{IDEMPOTENCY_REPLAYED, health, router};
pub use service::{ExecuteService, ExecuteServiceDependencies};
pub use session::Session;
pub use slices::slices_older_than;
pub use usage::Usage;
pub use weights::Weights;
pub use wire::{
    OneOrMany, WireContext, WireError, WireHeaders, WireHttp, WireLimits, WireReply, WireRequest, WireUser,
    read_wire_headers, wire_headers,
};

/// Internals that `cargo xtask bench` measures separately; not a public API.
#[doc(hidden)]
pub mod measuring {
    use crate::RequestBody;
    use crate::handler::Handler;
    use crate::invoke::Call;
    use crate::loader::Prepared;
    use crate::measure::call_once;
    use crate::run_slots::{RunSlots, Turns, Used};
    use crate::schedule::{Schedule, Share};
    use crate::service::ExecuteService;
    use crate::session::Session;
    use alga_capabilities::{GrantSet, Permit, Release, Services, new_linker};
    use alga_engine::{CrashJournal, Engine};
    use bytes::Bytes;
    use http::Request;
    use std::sync::Arc;
    use wasmtime::component::Component;

    /// Session of a verified token.
    pub struct Decision(Arc<Session>);

    impl Decision {
        /// Authenticates a token once.
        #[must_use]
        pub fn of(service: &ExecuteService, token: &str) -> Option<Self> {
            service.authenticate(token).ok().map(Self)
        }

        /// Reports whether a linked component for the session's grants can be prepared.
        pub async fn once(&self, service: &ExecuteService) -> bool {
            service.ready(&self.0, self.0.grants).await.is_some()
        }
    }

    /// A component linked with the benchmark's own services.
    pub struct Ready {
        engine: Engine,
        prepared: Arc<Prepared>,
        services: Arc<Services>,
        slots: Arc<RunSlots>,
    }

    impl Ready {
        /// Links the component; `None` if that fails.
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
                handler: Handler::new(linker.instantiate_pre(component).ok()?).ok()?,
                release: Arc::new(release),
                slots: 1,
                journal_entry: Arc::new(CrashJournal::in_memory().entry(&[0; 32])),
            };
            Some(Self {
                engine: engine.clone(),
                prepared: Arc::new(prepared),
                services: Arc::new(services),
                slots: Arc::new(RunSlots::new(1, false)),
            })
        }

        /// Returns the status of one call.
        pub async fn call(&self, permit: &Arc<Permit>, path: &'static str) -> Option<u16> {
            let mut request = Request::new(RequestBody::from(Bytes::new()));
            *request.uri_mut() = http::Uri::from_static(path);
            request
                .headers_mut()
                .insert(http::header::HOST, http::HeaderValue::from_static("extension.invalid"));
            call_once(Box::new(Call {
                engine: self.engine.clone(),
                services: Arc::clone(&self.services),
                prepared: Arc::clone(&self.prepared),
                permit: Arc::clone(permit),
                request,
                fuel: None,
                watching: None,
                trace: None,
                profile: None,
                turns: Turns::new(&self.slots, Share { tenant: 0, weight: 1 }),
            }))
            .await
        }
    }

    /// Returns the mean time of a turn on a run slot without competition: the cost of sharing the
    /// processors for an execution.
    pub async fn turn(rounds: u32) -> std::time::Duration {
        let slots = Arc::new(RunSlots::new(1, false));
        let started = std::time::Instant::now();
        for _ in 0..rounds {
            let turns = Turns::new(&slots, Share { tenant: 0, weight: 1 });
            turns
                .run(async { std::hint::black_box(()) }, &mut Used::default())
                .await;
        }
        started.elapsed() / rounds.max(1)
    }

    /// Returns the mean time of a decision of the schedule while this many tenants wait.
    #[must_use]
    pub fn decision(tenants: u64, rounds: u32) -> std::time::Duration {
        let share = |tenant| Share { tenant, weight: 1 };
        let mut schedule = Schedule::new(1);
        for tenant in 0..tenants {
            schedule.request(share(tenant), false, 0, || tenant);
        }
        let (started, mut running) = (std::time::Instant::now(), 0);
        for _ in 0..rounds {
            let next = schedule.give_way(share(running), 1_000_000, false, 0, running);
            running = next.unwrap_or(running);
        }
        started.elapsed() / rounds.max(1)
    }

    /// Returns the status of one call without admission, tokens and JSON: load from the cache,
    /// store, instantiation, call, response.
    pub async fn invoke_once(
        service: &ExecuteService,
        content_hash: alga_bundle::Digest,
        permit: &Arc<Permit>,
    ) -> Option<u16> {
        let mut request = Request::new(RequestBody::from(Bytes::new()));
        *request.uri_mut() = http::Uri::from_static("/hello/you");
        request
            .headers_mut()
            .insert(http::header::HOST, http::HeaderValue::from_static("extension.invalid"));
        service.invoke_ready(content_hash, permit, request).await
    }
}

/// Internals for the fuzz targets; not a public API.
#[doc(hidden)]
pub mod fuzzing {
    use alga_bundle::StrictObject;
    use alga_capabilities::Identity;

    /// Reads a request as `POST /v1/execute` does, and returns whether it is valid.
    #[must_use]
    pub fn execute_request_is_read(bytes: &[u8]) -> bool {
        if alga_bundle::check_json(bytes).is_err() {
            return false;
        }
        let Ok(StrictObject(wire)) = serde_json::from_slice::<StrictObject<crate::WireRequest<'_>>>(bytes) else {
            return false;
        };
        let parse = || -> Option<Identity> {
            Some(Identity {
                request: "fuzz".parse().ok()?,
                tenant: "fuzz".parse().ok()?,
                extension: "fuzz".parse().ok()?,
                install: "fuzz".parse().ok()?,
                version: None,
            })
        };
        parse().is_some_and(|identity| crate::admit::wire_request(&wire.http, &identity).is_ok())
    }
}
