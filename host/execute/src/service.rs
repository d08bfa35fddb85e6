use crate::admission::{Admission, Counters};
use crate::admit::{CallerHeaders, PLATFORM_FIELDS, bad_request, guest_request, permit};
use crate::idempotency::{Idempotency, IdempotencyKey, body_digest};
use crate::invoke::invoke;
use crate::loader::SessionCache;
use crate::records::{ExecutionAccounting, ExecutionRecords, RunningExecution};
use crate::{AdmissionLimits, ExecutionDefaults, GuestResponse, Loader, Usage, WireRequest};
use alga_auth::{ServiceGrant, TokenError, TokenVerifier, VerifiedTokenCache};
use alga_bundle::{Digest, EgressPattern, RequestId};
use alga_capabilities::{GrantSet, Permit, Services};
use alga_engine::Engine;
use alga_errors::{Code, Problem};
use alga_limits::{IDEMPOTENCY_KEY_CHARACTERS, MEMORY_DEFAULT_MB, MIB};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// Between an execution's deadline and its end: it is cancelled at the next tick, then its account is made.
const DEADLINE_NOTICE: Duration = Duration::from_millis(100);
/// Memory that a place of the pool stands for: an execution that may use more counts as several.
const PLACE_BYTES: usize = MEMORY_DEFAULT_MB as usize * MIB;

/// What the service works with.
pub struct ExecuteServiceDependencies {
    /// The engine.
    pub engine: Engine,
    /// The loader.
    pub loader: Arc<Loader>,
    /// What capabilities need from outside.
    pub services: Services,
    /// Verifies service tokens.
    pub tokens: TokenVerifier,
    /// Time and memory.
    pub defaults: ExecutionDefaults,
    /// Keeps what executions write.
    pub records: Arc<dyn ExecutionRecords>,
    /// Executions at the same time.
    pub admission: AdmissionLimits,
}

/// Executes extensions for whoever has a service token.
pub struct ExecuteService {
    dependencies: ExecuteServiceDependencies,
    verified_tokens: VerifiedTokenCache<Arc<TokenSession>>,
    admission: Admission,
    idempotency: Idempotency,
    is_draining: AtomicBool,
    is_poisoned: AtomicBool,
}

/// What a token stands for, found out once.
pub(crate) struct TokenSession {
    pub(crate) grant: ServiceGrant,
    pub(crate) grants: GrantSet,
    pub(crate) egress: Arc<BTreeSet<EgressPattern>>,
    counters: Counters,
    held: SessionCache,
}

/// A request as it came, not yet believed.
pub(crate) struct Incoming<'a> {
    pub(crate) session: Arc<TokenSession>,
    pub(crate) headers: CallerHeaders<'a>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) wire: WireRequest<'a>,
    pub(crate) request_id: RequestId,
    pub(crate) started: Instant,
}

/// How an execution ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<GuestResponse, Problem>,
    pub(crate) usage: Usage,
}

impl ExecuteService {
    /// A service that has executed nothing yet.
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

    /// From now on new requests are sent away, so that those under way can finish before the process stops.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Whether requests should be sent here: not draining, time for guests advances, and no panic has left a doubt.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed)
            && !self.is_poisoned.load(Ordering::Relaxed)
            && self.dependencies.engine.is_ticking()
    }

    /// The loader, for figures.
    #[must_use]
    pub fn loader(&self) -> &Loader {
        &self.dependencies.loader
    }

    /// After [`Self::authenticate`]: 1. token, header and body agree; 2. the guest's request; 3. once for an idempotency key; then see
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
        let started = incoming.started;
        let Some(key) = incoming.idempotency_key else {
            return Ok(Arc::new(
                self.run(&permit, content_hash, request, &incoming.session, started)
                    .await,
            ));
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
        // A task of its own: what was begun under a key is finished and kept, even if the caller leaves.
        let (service, session, deadline) = (Arc::clone(self), incoming.session, permit.deadline);
        let once = async move {
            let run = service.run(&permit, content_hash, request, &session, started);
            service.idempotency.once(key, body, run).await
        };
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the first request with this key was not done in time",
            )
        };
        // The one that executes ends by itself at its deadline; those that wait for it have their own, and a little more to hear of it.
        let ended = timeout_at((deadline + DEADLINE_NOTICE).into(), tokio::spawn(once)).await;
        ended.map_err(too_late)?.map_err(Problem::internal)?
    }

    /// What is linked for a session, if it is in memory.
    pub(crate) async fn ready(&self, session: &TokenSession, grants: GrantSet) -> Option<Arc<crate::loader::Prepared>> {
        let prepared = self
            .dependencies
            .loader
            .prepare(session.grant.content_hash, grants, &session.held)
            .await;
        prepared.ok().map(|(prepared, _)| prepared)
    }

    /// The status of one call without admission, tokens and JSON.
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

    /// Who may execute what. Asked before a body is read: nobody without a valid token makes us hold one.
    pub(crate) fn authenticate(&self, token: &str) -> Result<Arc<TokenSession>, Problem> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Problem::new(Code::Draining, "this runner is about to stop").retry_after_seconds(1));
        }
        let verify = |token: &str| {
            let (grant, expires) = self.dependencies.tokens.verify::<ServiceGrant>(token)?;
            let counters = self.admission.counters(&grant.tenant_id, &grant.install_id);
            // A grant that this platform does not know is a promise that nobody keeps.
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

    /// 1. capacity; 2. something to instantiate; 3. the call. However it ends, it has its log, usage and record.
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
        // 2. The wait for a cold start counts against the deadline too; what was begun for others goes on.
        let prepare = self
            .dependencies
            .loader
            .prepare(content_hash, permit.grants, &session.held);
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the extension was not loaded when its time was over",
            )
        };
        let (prepared, cold) = timeout_at(permit.deadline.into(), prepare).await.map_err(too_late)??;
        let memory_places = u32::try_from(permit.memory_bytes.div_ceil(PLACE_BYTES)).unwrap_or(u32::MAX);
        if let Err(full) = self
            .admission
            .acquire_more(&mut admitted, prepared.places, memory_places)
        {
            // Refused for want of capacity, as before it was loaded: no record.
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

/// A guest that is told tenant and extension is told those of its token, whatever the caller wrote there.
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
