//! Counts every execution that was admitted: by minute for the tenant, and since the start of the
//! process for the operator.

mod totals;

use crate::Usage;
use crate::usage::outcome;
use alga_bundle::{ExecutionMinute, ExecutionTotals, InstallId, TenantId};
use alga_capabilities::Identity;
use alga_errors::Problem;
use alga_metrics::{Families, Source};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use totals::ProcessTotals;

/// Number of parts, each with a lock of its own, so that executions of different installs do not
/// wait for each other.
const PARTS: usize = 16;
/// Maximum number of rows of one install in one minute. What is beyond has no endpoint, so that its
/// number of executions stays right.
const ROWS_OF_INSTALL: usize = 64;
/// Maximum number of rows of one part in one minute, which installs that are new in it meet first:
/// 64 000 for the process, some 20 MiB. Further executions are counted as lost.
const ROWS: usize = 4_000;
/// Maximum number of rows of past minutes that wait for the database.
const WAITING: usize = 64_000;
const MINUTE_MS: i64 = 60_000;
/// Tenants with a metric of their own.
const TOP_TENANTS: usize = 10;

/// The executions that were counted and not yet passed on.
pub struct ExecutionMinutes {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
    past: Mutex<Vec<ExecutionMinute>>,
    /// The tenants that used most processor time in the last complete minute, in microseconds.
    top: Mutex<Top>,
    lost: AtomicU64,
}

#[derive(Default)]
struct Top {
    minute_ms: i64,
    tenants: Vec<(TenantId, u64)>,
}

#[derive(Default)]
struct Part {
    minute_ms: i64,
    rows: usize,
    installs: HashMap<InstallId, Install>,
    process: ProcessTotals,
}

/// Executions of one install in the current minute.
struct Install {
    tenant: TenantId,
    places: HashMap<(Option<Arc<str>>, &'static str), ExecutionTotals>,
}

impl Default for ExecutionMinutes {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            past: Mutex::default(),
            top: Mutex::default(),
            lost: AtomicU64::new(0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only sums are changed while a lock is held, and none of those steps panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the beginning of the current minute.
fn this_minute_ms() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    now - now.rem_euclid(MINUTE_MS)
}

impl ExecutionMinutes {
    /// Counts an execution that has ended.
    pub(crate) fn count(
        &self,
        identity: &Identity,
        endpoint: Option<Arc<str>>,
        result: &Result<u16, Problem>,
        usage: &Usage,
    ) {
        let outcome = outcome(result.as_ref().copied().map_err(Problem::code));
        self.count_in(this_minute_ms(), identity, endpoint, outcome, usage);
    }

    fn count_in(
        &self,
        minute_ms: i64,
        identity: &Identity,
        endpoint: Option<Arc<str>>,
        outcome: &'static str,
        usage: &Usage,
    ) {
        let place = usize::try_from(self.hasher.hash_one(&identity.install) % PARTS as u64).unwrap_or(0);
        let Some(part) = self.parts.get(place) else {
            return;
        };
        let totals = usage.totals();
        let mut part = lock(part);
        part.process.count(outcome, usage, &totals);
        if part.minute_ms != minute_ms {
            self.keep(part.begin(minute_ms));
        }
        if !part.count(identity, endpoint, outcome, &totals) {
            self.lose(1);
        }
    }

    /// Returns what was counted before the current minute, or everything.
    pub fn drain(&self, with_this_minute: bool) -> Vec<ExecutionMinute> {
        let now = this_minute_ms();
        for part in &self.parts {
            let mut part = lock(part);
            if with_this_minute || part.minute_ms != now {
                self.keep(part.begin(now));
            }
        }
        let past = std::mem::take(&mut *lock(&self.past));
        self.rank(&past, now - MINUTE_MS);
        past
    }

    /// Finds the tenants that used most processor time in the last minute of these. They are none
    /// if nothing was executed in the last complete minute.
    fn rank(&self, past: &[ExecutionMinute], complete_ms: i64) {
        let last_ms = past.iter().map(|minute| minute.minute_ms).max();
        let Some(last_ms) = last_ms.filter(|last_ms| *last_ms >= complete_ms) else {
            let mut top = lock(&self.top);
            // Those of a minute after the present one are left from before the clock was set back.
            if top.minute_ms < complete_ms || top.minute_ms > complete_ms + MINUTE_MS {
                top.tenants.clear();
            }
            return;
        };
        let mut used: HashMap<&TenantId, u64> = HashMap::new();
        for minute in past.iter().filter(|minute| minute.minute_ms == last_ms) {
            *used.entry(&minute.tenant).or_default() += minute.totals.cpu_us;
        }
        let mut used: Vec<_> = used.into_iter().map(|(tenant, us)| (tenant.clone(), us)).collect();
        used.sort_by(|(tenant, us), (other, more)| more.cmp(us).then_with(|| tenant.cmp(other)));
        used.truncate(TOP_TENANTS);
        *lock(&self.top) = Top {
            minute_ms: last_ms,
            tenants: used,
        };
    }

    /// Counts executions that could not be passed on.
    pub fn lose(&self, executions: u64) {
        self.lost.fetch_add(executions, Ordering::Relaxed);
    }

    fn keep(&self, minutes: impl Iterator<Item = ExecutionMinute>) {
        let mut past = lock(&self.past);
        for minute in minutes {
            if past.len() < WAITING {
                past.push(minute);
            } else {
                self.lose(minute.totals.executions);
            }
        }
    }
}

impl Source for ExecutionMinutes {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let mut all = ProcessTotals::default();
        for part in &self.parts {
            all.add(&lock(part).process);
        }
        all.write(families)?;
        let lost = self.lost.load(Ordering::Relaxed);
        let help = "Executions that are missing in the sums by minute";
        families.counter("alga_execution_sums_lost", help, lost)?;
        let top = lock(&self.top).tenants.clone();
        let labelled = top.iter().map(|(tenant, cpu_us)| {
            let seconds = Duration::from_micros(*cpu_us).as_secs_f64();
            ([("tenant", tenant.as_str())], seconds)
        });
        let help = "Processor time in the last complete minute, of the tenants that used most of it";
        families.gauges("alga_top_tenant_cpu_seconds", help, labelled)
    }
}

impl Part {
    /// Counts an execution; returns false if there is no place for it.
    fn count(
        &mut self,
        identity: &Identity,
        endpoint: Option<Arc<str>>,
        outcome: &'static str,
        totals: &ExecutionTotals,
    ) -> bool {
        let mut key = (endpoint, outcome);
        if let Some(install) = self.installs.get_mut(&identity.install) {
            if install.places.len() >= ROWS_OF_INSTALL && !install.places.contains_key(&key) {
                key.0 = None;
            }
            if let Some(sum) = install.places.get_mut(&key) {
                sum.add(totals);
                return true;
            }
        }
        if self.rows >= ROWS {
            return false;
        }
        self.rows += 1;
        let install = self.installs.entry(identity.install.clone());
        let install = install.or_insert_with(|| Install {
            tenant: identity.tenant.clone(),
            places: HashMap::new(),
        });
        install.places.insert(key, *totals);
        true
    }

    /// Begins a minute, and returns what was counted in the one before.
    fn begin(&mut self, minute_ms: i64) -> impl Iterator<Item = ExecutionMinute> + use<> {
        let before = std::mem::replace(&mut self.minute_ms, minute_ms);
        self.rows = 0;
        let installs = std::mem::take(&mut self.installs).into_iter();
        installs.flat_map(move |(install, counted)| {
            let tenant = counted.tenant;
            counted
                .places
                .into_iter()
                .map(move |((endpoint, outcome), totals)| ExecutionMinute {
                    tenant: tenant.clone(),
                    install: install.clone(),
                    minute_ms: before,
                    endpoint,
                    outcome,
                    totals,
                })
        })
    }
}

#[cfg(test)]
mod tests;
