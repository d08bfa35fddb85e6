//! Quotas of tenants and installs.
//!
//! Before an execution starts, it holds credit for the most that it can use; when it ends, what it
//! did not use is free again. Credit is leased from the database in shares, so that most executions
//! do not wait for it. All credit of all runners together never exceeds a limit; the last execution
//! of a period may use more than is left, once per runner.
//!
//! | module | responsibility |
//! |---|---|
//! | `credit` | one meter in one period |
//! | `subject` | all limited meters of a tenant or an install |

use crate::Usage;
use alga_bundle::{InstallId, Meter, Quota, QuotaLease, QuotaSettlement, QuotaWindow, TenantId};
use alga_capabilities::Permit;
use alga_errors::{Code, Problem};
use http::HeaderValue;
use moka::sync::Cache;
use std::collections::HashMap;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};
use subject::{Attempt, Subject};
use tokio::sync::Notify;
use tokio::time::{self, timeout, timeout_at};

mod credit;
mod subject;

use credit::{Hold, Missing};

/// Time for the database to respond.
const LEASE_TIME: Duration = Duration::from_secs(1);
/// Time for which an execution waits for credit that others hold, but at most half of its own
/// time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Interval of attempts of an execution that waits.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(250);
/// Maximum number of cached tenants and installs. One that is evicted returns its credit, and
/// leases new credit when it executes again.
const SUBJECTS: u64 = 100_000;
/// Tenants and installs with something to write at which it is written at once: some hundred bytes
/// each.
const DIRTY: usize = 10_000;
/// Bytes that an execution can send to other hosts, if it is granted a capability for it.
const EGRESS_BYTES: i64 = 64 * 1024 * 1024;

/// A statement in progress.
pub type LeaseFuture<'a> = Pin<Box<dyn Future<Output = Result<QuotaLease, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// The database that counts the credit of all runners.
pub trait QuotaStore: Send + Sync {
    /// Leases up to `wanted` of what is left below `hard`.
    fn lease<'a>(&'a self, tenant: &'a TenantId, window: &'a QuotaWindow, hard: i64, wanted: i64) -> LeaseFuture<'a>;
}

/// Amounts by meter, in the order of [`Meter::OF_EXECUTIONS`].
pub(crate) type Amounts = [i64; Meter::OF_EXECUTIONS.len()];

fn amount_of(amounts: &Amounts, meter: Meter) -> i64 {
    Meter::OF_EXECUTIONS
        .iter()
        .zip(amounts)
        .find(|(other, _)| **other == meter)
        .map_or(0, |(_, amount)| *amount)
}

/// Returns the most that an execution can use.
fn most(permit: &Permit) -> Amounts {
    let time = permit.deadline.saturating_duration_since(Instant::now());
    let memory_kib = integer(permit.memory_bytes.div_ceil(1024) as u64);
    let milliseconds = integer(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).saturating_add(1);
    [
        1,
        integer(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).max(1),
        memory_kib.saturating_mul(milliseconds),
        if permit.grants.sends() { EGRESS_BYTES } else { 0 },
    ]
}

/// Returns what an execution used.
fn amounts(usage: &Usage) -> Amounts {
    [
        1,
        integer(usage.cpu_us),
        integer(usage.memory_kib_ms()),
        integer(usage.egress_bytes),
    ]
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn now_ms() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

type Key = (TenantId, Option<InstallId>);

/// The quotas that this runner knows, and the credit that it holds.
pub struct Quotas {
    store: Arc<dyn QuotaStore>,
    /// True if executions start although the database does not respond.
    fails_open: bool,
    limits: RwLock<HashMap<Key, Vec<Quota>>>,
    /// Changes with the limits.
    generation: AtomicU64,
    subjects: Cache<Key, Arc<Subject>>,
    /// Those with something to write into the database.
    dirty: Mutex<Vec<Arc<Subject>>>,
    is_full: Notify,
}

impl Quotas {
    /// Creates a runner's side of the quotas in a store, none of which is known yet. If the store
    /// does not respond, executions that need more credit are refused, or start if `fails_open`.
    #[must_use]
    pub fn new(store: Arc<dyn QuotaStore>, fails_open: bool) -> Arc<Self> {
        Arc::new(Self {
            store,
            fails_open,
            limits: RwLock::default(),
            generation: AtomicU64::new(1),
            subjects: Cache::new(SUBJECTS),
            dirty: Mutex::default(),
            is_full: Notify::new(),
        })
    }

    /// Replaces quotas; one without limits is removed.
    pub fn apply(&self, changed: Vec<Quota>) {
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        let mut differs = false;
        // What is stored is limited where it is written.
        let of_executions = |quota: &Quota| Meter::OF_EXECUTIONS.contains(&quota.meter);
        for quota in changed.into_iter().filter(of_executions) {
            let key = (quota.tenant.clone(), quota.install.clone());
            let known = limits.entry(key.clone()).or_default();
            if known.contains(&quota) {
                continue;
            }
            let before = known.len();
            known.retain(|other| (other.meter, other.period) != (quota.meter, quota.period));
            let is_limited = quota.hard.is_some() || quota.soft.is_some();
            differs |= is_limited || known.len() != before;
            known.extend(is_limited.then_some(quota));
            if known.is_empty() {
                limits.remove(&key);
            }
        }
        if differs {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    fn limits_of(&self, key: &Key) -> Vec<Quota> {
        let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        limits.get(key).cloned().unwrap_or_default()
    }

    /// Returns the counters of a tenant and of its install.
    pub(crate) fn subjects(&self, tenant: &TenantId, install: &InstallId) -> Subjects {
        [None, Some(install.clone())].map(|install| {
            let key = (tenant.clone(), install);
            let new = || Arc::new(Subject::new(key.clone()));
            self.subjects.get_with_by_ref(&key, new)
        })
    }

    /// Holds credit for an execution; waits for credit that others hold.
    pub(crate) async fn hold(self: &Arc<Self>, subjects: &Subjects, permit: &Permit) -> Result<Held, Problem> {
        let mut held = Held {
            quotas: Arc::clone(self),
            subjects: subjects.clone(),
            holds: Default::default(),
            used: None,
        };
        let most = most(permit);
        // The install first: one that waits for its own credit holds none of its tenant's.
        for (subject, holds) in subjects.iter().zip(&mut held.holds).rev() {
            if subject.is_limited(self) {
                *holds = self.hold_of(subject, &most, permit.deadline).await?;
            }
        }
        Ok(held)
    }

    async fn hold_of(
        self: &Arc<Self>,
        subject: &Arc<Subject>,
        most: &Amounts,
        deadline: Instant,
    ) -> Result<Vec<Hold>, Problem> {
        let left = deadline.saturating_duration_since(Instant::now());
        let until = time::Instant::now() + LONGEST_WAIT.min(left / 2);
        loop {
            let mut returned = pin!(subject.returned.notified());
            returned.as_mut().enable();
            match subject.attempt(self, most) {
                Attempt::Held(holds) => return Ok(holds),
                Attempt::Lease => self.lease(subject, most).await?,
                Attempt::Unavailable(missing) => self.lend(subject, &missing)?,
                Attempt::Exceeded(problem) => {
                    self.mark(subject);
                    return Err(problem);
                }
                Attempt::Later(problem) => {
                    let now = time::Instant::now();
                    let Some(_place) = subject.queue().filter(|_| now < until) else {
                        return Err(problem);
                    };
                    // Other runners return credit, too, and periods end.
                    let next = until.min(now + ATTEMPT_INTERVAL);
                    timeout_at(next, returned).await.ok();
                }
            }
        }
    }

    /// Leases credit from the database, once for all executions that wait for it. In a task of its
    /// own: credit that was leased is added although the client has left, or the database was slow.
    async fn lease(self: &Arc<Self>, subject: &Arc<Subject>, most: &Amounts) -> Result<(), Problem> {
        let _waiting = subject.wait();
        let Ok(turn) = timeout(LEASE_TIME, Arc::clone(&subject.leasing).lock_owned()).await else {
            subject.fail();
            return Ok(());
        };
        let Some(missing) = subject.missing(self, most).filter(|missing| !missing.has_failed) else {
            return Ok(());
        };
        let (quotas, of) = (Arc::clone(self), Arc::clone(subject));
        let leased = tokio::spawn(async move {
            quotas.lease_missing(&of, &missing).await;
            drop(turn);
        });
        match timeout(LEASE_TIME, leased).await {
            Ok(leased) => leased.map_err(Problem::internal),
            Err(_) => {
                tracing::warn!(tenant = %subject.key.0, "no credit: the database does not respond in time");
                subject.fail();
                Ok(())
            }
        }
    }

    async fn lease_missing(&self, subject: &Arc<Subject>, missing: &Missing) {
        let tenant = &subject.key.0;
        let lease = self.store.lease(tenant, &missing.window, missing.limit, missing.wanted);
        match lease.await {
            Ok(lease) => {
                subject.add(missing, lease);
                self.mark(subject);
            }
            Err(error) => {
                tracing::warn!(%tenant, error, "no credit: the database does not respond");
                subject.fail();
            }
        }
    }

    /// Adds credit without the database, if the operator has chosen that or the quota only warns.
    fn lend(&self, subject: &Arc<Subject>, missing: &Missing) -> Result<(), Problem> {
        if !self.fails_open && !missing.is_soft {
            return Err(unavailable());
        }
        subject.lend(missing);
        self.mark(subject);
        Ok(())
    }

    /// Adds a subject to those with something to write.
    fn mark(&self, subject: &Arc<Subject>) {
        if !subject.mark() {
            return;
        }
        let mut dirty = self.dirty();
        dirty.push(Arc::clone(subject));
        if dirty.len() >= DIRTY {
            self.is_full.notify_one();
        }
    }

    /// Waits until so many tenants and installs have something to write that it should be written
    /// now.
    pub async fn full(&self) {
        self.is_full.notified().await;
    }

    fn dirty(&self) -> MutexGuard<'_, Vec<Arc<Subject>>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is to be written into the database, by tenant: credit that is not needed soon,
    /// and what executions used if it is asked for.
    pub fn drain(&self, with_usage: bool) -> HashMap<TenantId, Vec<QuotaSettlement>> {
        let dirty = std::mem::take(&mut *self.dirty());
        let mut drained: HashMap<TenantId, Vec<QuotaSettlement>> = HashMap::new();
        for subject in dirty {
            let (settlements, is_done) = subject.drain(with_usage);
            if !settlements.is_empty() {
                drained.entry(subject.key.0.clone()).or_default().extend(settlements);
            }
            if !is_done {
                self.mark(&subject);
            }
        }
        drained
    }

    /// Accepts again what could not be written.
    pub fn restore(&self, tenant: &TenantId, settlements: Vec<QuotaSettlement>) {
        for settlement in settlements {
            let key = (tenant.clone(), settlement.window.install.clone());
            let new = || Arc::new(Subject::new(key.clone()));
            let subject = self.subjects.get_with_by_ref(&key, new);
            subject.owe(settlement);
            self.mark(&subject);
        }
    }
}

fn unavailable() -> Problem {
    let message = "the quotas of this tenant cannot be counted at the moment";
    Problem::new(Code::QuotaUnavailable, message).retry_after_seconds(1)
}

/// Counters of a tenant, and of an install.
pub(crate) type Subjects = [Arc<Subject>; 2];

/// Credit that an execution holds; returned when it is dropped.
pub(crate) struct Held {
    quotas: Arc<Quotas>,
    subjects: Subjects,
    holds: [Vec<Hold>; 2],
    used: Option<Amounts>,
}

/// Extension of a response: the quota of requests that is closest to being used up, as the values
/// of `ratelimit-policy` and `ratelimit` (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Debug, Clone)]
pub struct QuotaFields {
    /// Name, limit and period of the quota.
    pub policy: HeaderValue,
    /// Remaining requests and seconds.
    pub limit: HeaderValue,
}

impl Held {
    /// Returns the quota of requests that is closest to being used up, if there is one.
    pub(crate) fn fields(&self) -> Option<QuotaFields> {
        let limited = self
            .subjects
            .iter()
            .zip(&self.holds)
            .filter(|(_, holds)| !holds.is_empty());
        let all = limited.flat_map(|(subject, _)| subject.left_requests());
        let tightest = all.min_by_key(|quota| quota.left)?;
        let subject::Left {
            name,
            hard,
            left,
            window,
            seconds,
        } = tightest;
        Some(QuotaFields {
            policy: HeaderValue::try_from(format!("\"{name}\";q={hard};w={window}")).ok()?,
            limit: HeaderValue::try_from(format!("\"{name}\";r={left};t={seconds}")).ok()?,
        })
    }

    /// Ends an execution that was admitted.
    pub(crate) fn settle(mut self, usage: &Usage) {
        self.used = Some(amounts(usage));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for (subject, holds) in self.subjects.iter().zip(std::mem::take(&mut self.holds)) {
            let is_changed = subject.release(&holds, self.used.as_ref());
            if is_changed {
                self.quotas.mark(subject);
            }
        }
    }
}

#[cfg(test)]
mod tests;
