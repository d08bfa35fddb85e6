use crate::admission::Admission;
use crate::idempotency::{Idempotency, IdempotencyStore};
use crate::loader::SessionCache;
use crate::records::ExecutionRecords;
use crate::run_slots::RunSlots;
use crate::session::Session;
use crate::{
    AdmissionLimits, ExecutionDefaults, ExecutionMinutes, GuestThreads, LiveEvents, Loader, Profiles, Quarantine,
    Quotas, RunShares,
};
use alga_auth::{ServiceGrant, TokenError, TokenVerifier, VerifiedTokenCache};
use alga_capabilities::{GrantSet, Services, UnknownCapability};
use alga_engine::Engine;
use alga_errors::{Code, Problem};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Dependencies of an [`ExecuteService`].
pub struct ExecuteServiceDependencies {
    /// The engine that runs components.
    pub engine: Engine,
    /// Loads and caches components.
    pub loader: Arc<Loader>,
    /// Host services that capabilities use.
    pub services: Arc<Services>,
    /// Verifies service tokens.
    pub tokens: TokenVerifier,
    /// Default and maximum time and memory.
    pub defaults: ExecutionDefaults,
    /// Sink for execution records.
    pub records: Arc<dyn ExecutionRecords>,
    /// Extensions that were executing when a runner crashed.
    pub quarantine: Arc<Quarantine>,
    /// Counts all executions.
    pub minutes: Arc<ExecutionMinutes>,
    /// Quotas of tenants and installs.
    pub quotas: Arc<Quotas>,
    /// Stores responses by idempotency key.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// Maximum number of concurrent executions.
    pub admission: AdmissionLimits,
    /// Threads of guests that compute for longer than a slice.
    pub guest_threads: GuestThreads,
    /// Number of guests that compute at the same moment, and how they share it.
    pub shares: RunShares,
}

/// Executes extensions for callers with a valid service token.
pub struct ExecuteService {
    pub(crate) dependencies: ExecuteServiceDependencies,
    verified_tokens: VerifiedTokenCache<Arc<Session>>,
    pub(crate) admission: Admission,
    pub(crate) slots: Arc<RunSlots>,
    pub(crate) idempotency: Idempotency,
    pub(crate) in_progress: TaskTracker,
    pub(crate) live: Arc<LiveEvents>,
    pub(crate) profiles: Arc<Profiles>,
    is_draining: AtomicBool,
    poisoned: CancellationToken,
}

impl ExecuteService {
    /// Creates a service that has executed nothing yet.
    #[must_use]
    pub fn new(dependencies: ExecuteServiceDependencies) -> Self {
        let admission = Admission::new(dependencies.admission, Arc::clone(&dependencies.shares.weights));
        let slots = Arc::new(RunSlots::new(
            dependencies.shares.slots,
            dependencies.guest_threads.are_there(),
        ));
        let idempotency = Idempotency::new(Arc::clone(&dependencies.idempotency));
        let in_progress = TaskTracker::new();
        // It still counts; only a closed one can be waited for.
        in_progress.close();
        Self {
            dependencies,
            verified_tokens: VerifiedTokenCache::new(),
            admission,
            slots,
            idempotency,
            in_progress,
            live: Arc::default(),
            profiles: Arc::default(),
            is_draining: AtomicBool::new(false),
            poisoned: CancellationToken::new(),
        }
    }

    /// Refuses new requests from now on, so that those in progress can finish before the process
    /// stops.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.live.close();
    }

    /// Returns what executions do while they run, for readers.
    #[must_use]
    pub fn live(&self) -> &Arc<LiveEvents> {
        &self.live
    }

    /// Returns the profiles of installs.
    #[must_use]
    pub fn profiles(&self) -> &Arc<Profiles> {
        &self.profiles
    }

    /// Waits until no execution is in progress, with those that continue after their response.
    pub async fn ended(&self) {
        self.in_progress.wait().await;
    }

    /// True if requests should be sent here: the service is not draining, the engine's ticks
    /// advance, and no execution has panicked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed) && !self.is_poisoned() && self.dependencies.engine.is_ticking()
    }

    /// Returns the loader, for statistics.
    #[must_use]
    pub fn loader(&self) -> &Loader {
        &self.dependencies.loader
    }

    /// Returns the default and maximum time and memory.
    pub(crate) fn defaults(&self) -> &ExecutionDefaults {
        &self.dependencies.defaults
    }

    /// Verifies a service token. Called before a body is read: a caller without a valid token
    /// cannot make the runner buffer one.
    pub(crate) fn authenticate(&self, token: &str) -> Result<Arc<Session>, Problem> {
        self.ensure_open()?;
        let verify = |token: &str| {
            let (grant, expires) = self.dependencies.tokens.verify::<ServiceGrant>(token)?;
            let session = self.session(grant);
            // Rejects a token with a capability that this platform does not provide.
            let session = session.map_err(|error| TokenError::Claims(error.to_string()))?;
            Ok((session, expires))
        };
        let unauthenticated =
            |error| Problem::new(Code::Unauthenticated, "a valid service token is required").caused_by(error);
        self.verified_tokens.get(token, verify).map_err(unauthenticated)
    }

    /// Refuses an execution while the service is draining.
    pub(crate) fn ensure_open(&self) -> Result<(), Problem> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Problem::new(Code::Draining, "this runner is about to stop").retry_after_seconds(1));
        }
        Ok(())
    }

    /// Reports that an execution panicked: the state of this process may be wrong, so that it
    /// executes nothing more, and another process has to replace it.
    pub fn poison(&self) {
        tracing::error!("an execution made this process panic; it executes nothing more");
        self.drain();
        self.poisoned.cancel();
    }

    /// True if an execution has panicked.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.is_cancelled()
    }

    /// Waits until an execution has panicked.
    pub async fn poisoned(&self) {
        self.poisoned.cancelled().await;
    }

    /// True while the engine's ticks advance, which enforce deadlines.
    #[must_use]
    pub fn is_ticking(&self) -> bool {
        self.dependencies.engine.is_ticking()
    }

    /// Returns the number of run slots.
    #[must_use]
    pub fn run_slots(&self) -> usize {
        self.slots.slots()
    }

    /// Creates a session for a caller in this process, which has checked the grant itself.
    ///
    /// # Errors
    /// Returns [`UnknownCapability`] if the grant names a capability that this platform does not
    /// provide.
    pub fn session(&self, grant: ServiceGrant) -> Result<Arc<Session>, UnknownCapability> {
        Ok(Arc::new(Session {
            counters: self.admission.counters(&grant.tenant_id, &grant.install_id),
            subjects: self.dependencies.quotas.subjects(&grant.tenant_id, &grant.install_id),
            grants: GrantSet::from_names(&grant.grants)?,
            egress: Arc::new(grant.egress.clone()),
            config: Arc::new(grant.call.as_ref().map(|call| call.config.clone()).unwrap_or_default()),
            held: SessionCache::default(),
            grant,
        }))
    }
}
