use crate::admission::Admission;
use crate::admit::{CallerHeaders, PLATFORM_FIELDS, bad_request, guest_request, permit};
use crate::idempotency::{Idempotency, IdempotencyKey, body_digest};
use crate::invoke::invoke;
use crate::loader::SessionCache;
use crate::outcome::Outcome;
use crate::records::{ExecutionAccounting, ExecutionRecords, RunningExecution};
use crate::session::TokenSession;
use crate::{AdmissionLimits, ExecutionDefaults, GuestResponse, Loader, WireRequest};
use alga_auth::{ServiceGrant, TokenError, TokenVerifier, VerifiedTokenCache};
use alga_bundle::{Digest, RequestId};
use alga_capabilities::{GrantSet, Permit, Services};
use alga_engine::Engine;
use alga_errors::{Code, Problem};
use alga_limits::{IDEMPOTENCY_KEY_CHARACTERS, MEMORY_DEFAULT_MB, MIB};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;
use tracing::{Instrument, Span};

/// Time between an execution's deadline and its end: it is cancelled at the next tick, then its
/// usage is recorded.
const DEADLINE_NOTICE: Duration = Duration::from_millis(100);
/// Memory that a slot of the pool stands for: an execution that may use more counts as several.
const SLOT_BYTES: usize = MEMORY_DEFAULT_MB as usize * MIB;

/// Dependencies of an [`ExecuteService`].
pub struct ExecuteServiceDependencies {
    /// The engine that runs components.
    pub engine: Engine,
    /// Loads and caches components.
    pub loader: Arc<Loader>,
    /// Host services that capabilities use.
    pub services: Services,
    /// Verifies service tokens.
    pub tokens: TokenVerifier,
    /// Default and maximum time and memory.
    pub defaults: ExecutionDefaults,
    /// Sink for execution records.
    pub records: Arc<dyn ExecutionRecords>,
    /// Maximum number of concurrent executions.
    pub admission: AdmissionLimits,
}

/// Executes extensions for callers with a valid service token.
pub struct ExecuteService {
    dependencies: ExecuteServiceDependencies,
    verified_tokens: VerifiedTokenCache<Arc<TokenSession>>,
    admission: Admission,
    idempotency: Idempotency,
    is_draining: AtomicBool,
    is_poisoned: AtomicBool,
}

/// A received request; its headers and body are not yet validated.
pub(crate) struct Incoming<'a> {
    pub(crate) session: Arc<TokenSession>,
    pub(crate) headers: CallerHeaders<'a>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) wire: WireRequest<'a>,
    pub(crate) request_id: RequestId,
    pub(crate) started: Instant,
}

impl ExecuteService {
    /// Creates a service that has executed nothing yet.
    #[must_use]
    pub fn new(dependencies: ExecuteServiceDependencies) -> Self {
        let admission = Admission::new(dependencies.admission);
        Self {
            dependencies,
            verified_tokens: VerifiedTokenCache::new(),
            admission,
            idempotency: Idempotency::new(),
            is_draining: AtomicBool::new(false),
            is_poisoned: AtomicBool::new(false),
        }
    }

    /// Refuses new requests from now on, so that those in progress can finish before the process
    /// stops.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// True if requests should be sent here: the service is not draining, the engine's ticks
    /// advance, and no execution has panicked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed)
            && !self.is_poisoned.load(Ordering::Relaxed)
            && self.dependencies.engine.is_ticking()
    }

    /// Returns the loader, for statistics.
    #[must_use]
    pub fn loader(&self) -> &Loader {
        &self.dependencies.loader
    }

    /// Executes a request after [`Self::authenticate`]: 1. check that token, headers and body
    /// agree; 2. build the guest's request; 3. deduplicate by idempotency key; then continue with
    /// [`Self::run`].
    pub(crate) async fn execute(self: &Arc<Self>, incoming: Incoming<'_>) -> Result<Arc<Outcome>, Problem> {
        // 1.
        let (wire, defaults) = (&incoming.wire, &self.dependencies.defaults);
        let (permit, content_hash) = permit(
            wire,
            &incoming.headers,
            &incoming.session,
            incoming.request_id.clone(),
            incoming.started,
            defaults,
        )?;
        // 2.
        let mut request = guest_request(&wire.http, permit.identity.request.as_str())?;
        write_context(request.headers_mut(), &permit);
        // 3.
        let (started, span) = (incoming.started, span(&permit));
        let Some(key) = incoming.idempotency_key else {
            let run = self.run(&permit, content_hash, request, &incoming.session, started);
            return Ok(Arc::new(run.instrument(span).await));
        };
        if !(1..=IDEMPOTENCY_KEY_CHARACTERS).contains(&key.len()) {
            return Err(bad_request(format!(
                "x-idempotency-key has 1 to {IDEMPOTENCY_KEY_CHARACTERS} characters"
            )));
        }
        let key = IdempotencyKey {
            tenant: permit.identity.tenant.clone(),
            install: permit.identity.install.clone(),
            user: permit.user.as_ref().map(|user| (user.kind, user.id.clone())),
            method: wire.http.method.to_string(),
            path: request.uri().to_string(),
            key: key.to_owned(),
        };
        let body = body_digest(wire.http.body_b64.as_deref().unwrap_or_default().as_bytes());
        // Runs in a task of its own: an execution with a key is finished and cached, even if the
        // caller disconnects.
        let (service, session, deadline) = (Arc::clone(self), incoming.session, permit.deadline);
        let once = async move {
            let run = service.run(&permit, content_hash, request, &session, started);
            service.idempotency.once(key, body, run).await
        };
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the first request with this key did not finish in time",
            )
        };
        // The request that executes ends by itself at its deadline. Requests that wait for it have
        // their own deadlines, and a little more time to receive its outcome.
        let ended = timeout_at((deadline + DEADLINE_NOTICE).into(), tokio::spawn(once.instrument(span))).await;
        ended.map_err(too_late)?.map_err(Problem::internal)?
    }

    /// Returns the linked component for a session; `None` if it cannot be prepared.
    pub(crate) async fn ready(&self, session: &TokenSession, grants: GrantSet) -> Option<Arc<crate::loader::Prepared>> {
        let prepared = self
            .dependencies
            .loader
            .prepare(session.grant.content_hash, grants, &session.held)
            .await;
        prepared.ok().map(|(prepared, _)| prepared)
    }

    /// Returns the status of one call without admission, tokens and JSON.
    pub(crate) async fn invoke_ready(
        &self,
        content_hash: Digest,
        permit: &Arc<Permit>,
        request: Request<Full<Bytes>>,
    ) -> Option<u16> {
        let held = SessionCache::default();
        let prepare = self.dependencies.loader.prepare(content_hash, permit.grants, &held);
        let (prepared, _) = prepare.await.ok()?;
        let mut account = ExecutionAccounting::default();
        let invocation = invoke(
            &self.dependencies.engine,
            &prepared,
            permit,
            &self.dependencies.services,
            request,
            &mut account,
        );
        invocation.await.result.ok().map(|response| response.status)
    }

    /// Verifies a service token. Called before a body is read: a caller without a valid token
    /// cannot make the runner buffer one.
    pub(crate) fn authenticate(&self, token: &str) -> Result<Arc<TokenSession>, Problem> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Problem::new(Code::Draining, "this runner is about to stop").retry_after_seconds(1));
        }
        let verify = |token: &str| {
            let (grant, expires) = self.dependencies.tokens.verify::<ServiceGrant>(token)?;
            let counters = self.admission.counters(&grant.tenant_id, &grant.install_id);
            // Reject a token with a capability that this platform does not provide.
            let grants = GrantSet::from_names(&grant.grants).map_err(|error| TokenError::Claims(error.to_string()))?;
            let egress = Arc::new(grant.egress.clone());
            Ok((
                Arc::new(TokenSession {
                    grant,
                    grants,
                    egress,
                    counters,
                    held: SessionCache::default(),
                }),
                expires,
            ))
        };
        let unauthenticated =
            |error| Problem::new(Code::Unauthenticated, "a valid service token is required").caused_by(error);
        self.verified_tokens.get(token, verify).map_err(unauthenticated)
    }

    /// Runs an execution: 1. acquire capacity; 2. prepare the component; 3. call it. Log, usage and
    /// record are written however it ends.
    async fn run(
        &self,
        permit: &Arc<Permit>,
        content_hash: Digest,
        request: Request<Full<Bytes>>,
        session: &TokenSession,
        started: Instant,
    ) -> Outcome {
        let mut execution = RunningExecution::new(permit, content_hash, &self.dependencies.records, started);
        let account = &mut execution.account;
        let result = self
            .run_accounted(permit, content_hash, request, session, account)
            .await;
        execution.finish(result)
    }

    async fn run_accounted(
        &self,
        permit: &Arc<Permit>,
        content_hash: Digest,
        request: Request<Full<Bytes>>,
        session: &TokenSession,
        account: &mut ExecutionAccounting,
    ) -> Result<GuestResponse, Problem> {
        // 1.
        let mut admitted = self.admission.admit(&session.counters)?;
        account.is_admitted = true;
        // 2. A cold start counts against the deadline, too; if the deadline passes, loading
        //    continues for other requests.
        let prepare = self
            .dependencies
            .loader
            .prepare(content_hash, permit.grants, &session.held);
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the extension was not loaded before its deadline",
            )
        };
        let (prepared, cold) = timeout_at(permit.deadline.into(), prepare).await.map_err(too_late)??;
        let memory_slots = u32::try_from(permit.memory_bytes.div_ceil(SLOT_BYTES)).unwrap_or(u32::MAX);
        if let Err(full) = self.admission.acquire_more(&mut admitted, prepared.slots, memory_slots) {
            // Refused for lack of capacity, as in step 1: no record.
            account.is_admitted = false;
            return Err(full);
        }
        account.usage.cold = cold;
        // 3.
        let invocation = Box::pin(invoke(
            &self.dependencies.engine,
            &prepared,
            permit,
            &self.dependencies.services,
            request,
            account,
        ))
        .await;
        if invocation.panicked {
            self.is_poisoned.store(true, Ordering::Relaxed);
        }
        invocation.result
    }
}

/// The span of an execution: every log line that it causes carries its context.
fn span(permit: &Permit) -> Span {
    let identity = &permit.identity;
    tracing::info_span!(
        target: "alga::execution", "execution", request = %identity.request, tenant = %identity.tenant,
        extension = %identity.extension, install = %identity.install
    )
}

/// Replaces tenant and extension headers, if the request has them, with the values of the token,
/// whatever the caller wrote there.
fn write_context(headers: &mut HeaderMap, permit: &Permit) {
    let identity = &permit.identity;
    for (name, value) in PLATFORM_FIELDS
        .iter()
        .zip([identity.tenant.as_str(), identity.extension.as_str()])
    {
        if let (true, Ok(value)) = (headers.contains_key(*name), HeaderValue::from_str(value)) {
            headers.insert(*name, value);
        }
    }
}
