//! Concurrency limits for the process, a tenant and an install, and the queue before them: requests
//! beyond the limits wait for a bounded time, in a bounded queue per tenant, and are then refused.

use crate::Weights;
use crate::pace::Pace;
use crate::weights::LiveShare;
use alga_bundle::{InstallId, TenantId};
use alga_errors::{Code, Problem};
use gate::{Blocked, Claim, Gate};
use moka::sync::Cache;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

mod gate;

/// Limits of concurrent executions, and of those that wait.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// In this process: at most the number of slots in the engine's pool.
    pub process: usize,
    /// Of one tenant. It gets fewer while other tenants use the process: half of what is free.
    pub tenant: usize,
    /// Of one install of an extension.
    pub install: usize,
    /// Executions of one tenant that wait; further ones are refused at once.
    pub queue: usize,
    /// Time for which an execution waits, but at most half of the time that it has left.
    pub longest_wait: Duration,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            process: 256,
            tenant: 64,
            install: 32,
            queue: 256,
            longest_wait: Duration::from_secs(2),
        }
    }
}

/// Executions that wait in the process; further ones are refused at once. Each uses some
/// kilobytes.
const LONGEST_QUEUE: usize = 4_096;
/// Maximum of `retry-after`, in seconds.
const LONGEST_RETRY_SECONDS: u32 = 30;

/// Shares of guests in the processors.
#[derive(Debug, Clone)]
pub struct RunShares {
    /// Guests that compute at the same moment.
    pub slots: usize,
    /// Weights of tenants.
    pub weights: Arc<Weights>,
}

/// Maximum number of cached counters of tenants, and of installs. One that is evicted during an
/// execution starts to count from 0 again; the limit of the process holds in any case.
const COUNTERS: u64 = 100_000;

pub(crate) struct Admission {
    limits: AdmissionLimits,
    entrance: Arc<Entrance>,
    tenants: Cache<TenantId, (Arc<Queue>, u64)>,
    installs: Cache<InstallId, (Arc<Semaphore>, Arc<Pace>)>,
    weights: Arc<Weights>,
    /// Number of tenants that have been counted.
    counted: AtomicU64,
    /// Executions that wait in this process.
    waiting: AtomicUsize,
    /// Those whose components are being loaded.
    loading: AtomicUsize,
}

/// Executions of one tenant that wait.
#[derive(Debug, Default)]
struct Queue {
    length: AtomicUsize,
    /// Executions of the tenant whose components are being loaded.
    loading: AtomicUsize,
    /// Milliseconds that the last of them waited.
    last_wait_ms: AtomicU64,
}

/// Counters of a tenant and an install, looked up once per token: executions with it do not look
/// them up again.
#[derive(Clone)]
pub(crate) struct Counters {
    queue: Arc<Queue>,
    install: Arc<Semaphore>,
    /// Of the install's guests; it survives the token.
    pub(crate) pace: Arc<Pace>,
    /// The tenant's number.
    tenant: u64,
    weight: Arc<AtomicU32>,
}

impl Counters {
    /// Returns the tenant's share of the run slots.
    pub(crate) fn share(&self) -> LiveShare {
        LiveShare {
            tenant: self.tenant,
            weight: Arc::clone(&self.weight),
        }
    }
}

/// The slots of the process, shared by those that hold one.
struct Entrance(Mutex<Gate<Arc<Notify>>>);

impl Entrance {
    fn gate(&self) -> MutexGuard<'_, Gate<Arc<Notify>>> {
        // The gate changes by single calls, none of which panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, tenant: u64, claim: Claim) {
        self.gate().release(tenant, claim, |task| task.notify_one());
    }
}

/// Permits for one execution, released on drop.
pub(crate) struct Admitted {
    entrance: Arc<Entrance>,
    tenant: u64,
    claim: Claim,
    _install: OwnedSemaphorePermit,
    /// Time for which the execution waited.
    pub(crate) waited: Duration,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.entrance.release(self.tenant, self.claim);
    }
}

/// Slots that an execution needs at every level.
#[derive(Clone, Copy)]
struct Need {
    install: u32,
    claim: Claim,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits, weights: Arc<Weights>) -> Self {
        Self {
            limits,
            entrance: Arc::new(Entrance(Mutex::new(Gate::new(limits.process, limits.tenant)))),
            tenants: Cache::new(COUNTERS),
            installs: Cache::new(COUNTERS),
            weights,
            counted: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            loading: AtomicUsize::new(0),
        }
    }

    /// Returns the counters of this tenant and install; they start at 0 if neither has executed
    /// lately.
    pub(crate) fn counters(&self, tenant: &TenantId, install: &InstallId) -> Counters {
        let number = || self.counted.fetch_add(1, Ordering::Relaxed);
        let (queue, number) = self.tenants.get_with_by_ref(tenant, || (Arc::default(), number()));
        let new = || (Arc::new(Semaphore::new(self.limits.install)), Arc::default());
        let (install, pace) = self.installs.get_with_by_ref(install, new);
        Counters {
            queue,
            install,
            pace,
            tenant: number,
            weight: self.weights.of(tenant),
        }
    }

    /// Acquires the slots of an execution that must have ended by `deadline`; waits for them if it
    /// has to. A component with many memories or tables counts as several executions at every
    /// level, because the pool has no more of them. One with a high memory limit counts as several
    /// in the process, so that all executions together fit into its slots; the count is capped at a
    /// lower limit of an install or a tenant, so that they can still run it.
    pub(crate) async fn admit(
        &self,
        counters: &Counters,
        slots: (u32, u32),
        deadline: Instant,
    ) -> Result<Admitted, Problem> {
        self.enter(counters, self.need(slots), deadline).await
    }

    /// Returns the numbers of executions that wait to start, and whose component is being loaded.
    pub(crate) fn waiting(&self) -> [usize; 2] {
        [&self.waiting, &self.loading].map(|count| count.load(Ordering::Relaxed))
    }

    /// Returns the number of slots of the process, and of those that are free.
    pub(crate) fn places(&self) -> [usize; 2] {
        self.entrance.gate().slots()
    }

    /// Counts an execution whose component is being loaded, until the result is dropped. It has no
    /// slot yet: others of its tenant do not wait for the compiler.
    pub(crate) fn loading<'a>(&'a self, counters: &'a Counters) -> Result<Loading<'a>, Problem> {
        let Counters { queue, .. } = counters;
        let loading = Loading(&queue.loading, &self.loading);
        let of_process = self.loading.fetch_add(1, Ordering::Relaxed);
        let most = self.limits.tenant.saturating_add(self.limits.queue);
        if queue.loading.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(Full::Loading.refusal(queue));
        }
        if of_process >= LONGEST_QUEUE {
            return Err(Full::Process.refusal(queue));
        }
        Ok(loading)
    }

    /// Returns what an execution needs whose component and whose memory count as so many slots.
    fn need(&self, (component, memory): (u32, u32)) -> Need {
        let capped = |limit: usize| component.max(memory.min(u32::try_from(limit).unwrap_or(u32::MAX)));
        Need {
            install: capped(self.limits.install),
            claim: Claim {
                tenant: capped(self.limits.tenant) as usize,
                process: capped(self.limits.process) as usize,
            },
        }
    }

    async fn enter(&self, counters: &Counters, need: Need, deadline: Instant) -> Result<Admitted, Problem> {
        self.ensure_fits(need)?;
        let (permit, full) = match Arc::clone(&counters.install).try_acquire_many_owned(need.install) {
            Ok(permit) => {
                let started = self.entrance.gate().try_start(counters.tenant, need.claim);
                match started {
                    Ok(()) => return Ok(self.admitted(counters, need, permit)),
                    Err(Blocked::Tenant) => (Some(permit), Full::Tenant),
                    Err(Blocked::Process) => (Some(permit), Full::Process),
                }
            }
            Err(_) => (None, Full::Install),
        };
        let _waiting = self.join(&counters.queue)?;
        let since = Instant::now();
        let longest = self.longest_wait(since, deadline);
        let entered = timeout(longest, self.wait(counters, need, permit)).await;
        let waited = since.elapsed();
        counters.queue.record(waited);
        let mut admitted = entered.map_err(|_| full.refusal(&counters.queue))??;
        admitted.waited = waited;
        Ok(admitted)
    }

    fn longest_wait(&self, now: Instant, deadline: Instant) -> Duration {
        self.limits
            .longest_wait
            .min(deadline.saturating_duration_since(now) / 2)
    }

    fn ensure_fits(&self, need: Need) -> Result<(), Problem> {
        let limits = self.limits;
        if need.install as usize > limits.install
            || need.claim.tenant > limits.tenant
            || need.claim.process > limits.process
        {
            // Waiting would not help.
            let message = "this extension has more memories or tables than this runner gives to one install";
            return Err(Problem::new(Code::BundleRejected, message));
        }
        Ok(())
    }

    /// Waits for a slot. Dropped before it returns, it occupies none.
    async fn wait(
        &self,
        counters: &Counters,
        need: Need,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Admitted, Problem> {
        let permit = match permit {
            Some(permit) => permit,
            None => Arc::clone(&counters.install)
                .acquire_many_owned(need.install)
                .await
                .map_err(Problem::internal)?,
        };
        Place::new(&self.entrance, counters.tenant, need.claim).started().await;
        Ok(self.admitted(counters, need, permit))
    }

    fn admitted(&self, counters: &Counters, need: Need, install: OwnedSemaphorePermit) -> Admitted {
        Admitted {
            entrance: Arc::clone(&self.entrance),
            tenant: counters.tenant,
            claim: need.claim,
            _install: install,
            waited: Duration::ZERO,
        }
    }

    /// Counts an execution that waits, until the result is dropped.
    fn join<'a>(&'a self, queue: &'a Queue) -> Result<Joined<'a>, Problem> {
        let joined = Joined(&queue.length, &self.waiting);
        let of_tenant = queue.length.fetch_add(1, Ordering::Relaxed);
        let of_process = self.waiting.fetch_add(1, Ordering::Relaxed);
        if of_tenant >= self.limits.queue {
            return Err(Full::Queue.refusal(queue));
        }
        if of_process >= LONGEST_QUEUE {
            return Err(Full::Process.refusal(queue));
        }
        Ok(joined)
    }
}

impl Queue {
    fn record(&self, waited: Duration) {
        let milliseconds = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.last_wait_ms.store(milliseconds, Ordering::Relaxed);
    }
}

/// An execution that is counted in two queues.
struct Joined<'a>(&'a AtomicUsize, &'a AtomicUsize);

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An execution that is counted while its component is loaded.
pub(crate) struct Loading<'a>(&'a AtomicUsize, &'a AtomicUsize);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The level that has no capacity left.
#[derive(Debug, Clone, Copy)]
enum Full {
    Install,
    Tenant,
    Process,
    Queue,
    Loading,
}

impl Full {
    /// Returns the refusal of an execution. The client is asked to wait as long as the last
    /// execution of this tenant did that had to wait.
    fn refusal(self, queue: &Queue) -> Problem {
        let (code, message) = match self {
            Self::Install => (Code::RateLimited, "concurrency limit of this install reached"),
            Self::Tenant => (Code::RateLimited, "concurrency limit of this tenant reached"),
            Self::Process => (Code::Overloaded, "the runner is at capacity"),
            Self::Queue => (Code::RateLimited, "too many requests of this tenant wait for capacity"),
            Self::Loading => (
                Code::RateLimited,
                "too many requests of this tenant wait for extensions that are being loaded",
            ),
        };
        let seconds = queue.last_wait_ms.load(Ordering::Relaxed).div_ceil(1_000);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Problem::new(code, message).retry_after_seconds(seconds.clamp(1, LONGEST_RETRY_SECONDS))
    }
}

/// The place of an execution in the queue for a slot.
struct Place<'a> {
    entrance: &'a Entrance,
    tenant: u64,
    claim: Claim,
    /// Notified when the execution has started; none if it has its slot.
    task: Option<Arc<Notify>>,
}

impl<'a> Place<'a> {
    fn new(entrance: &'a Entrance, tenant: u64, claim: Claim) -> Self {
        let mut gate = entrance.gate();
        let task = gate.try_start(tenant, claim).is_err().then(|| {
            let task = Arc::<Notify>::default();
            gate.wait(tenant, claim, Arc::clone(&task));
            task
        });
        drop(gate);
        Self {
            entrance,
            tenant,
            claim,
            task,
        }
    }

    async fn started(mut self) {
        if let Some(task) = &self.task {
            task.notified().await;
        }
        self.task = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else {
            return;
        };
        let Self {
            entrance,
            tenant,
            claim,
            ..
        } = *self;
        let mut gate = entrance.gate();
        let is_task = |other: &Arc<Notify>| Arc::ptr_eq(other, &task);
        // Otherwise it was given a slot that it does not use any more.
        if !gate.withdraw(tenant, is_task, |task| task.notify_one()) {
            gate.release(tenant, claim, |task| task.notify_one());
        }
    }
}

#[cfg(test)]
mod tests;
