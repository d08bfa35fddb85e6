//! All limited meters of a tenant or an install, and what its executions used.

use super::credit::{Credit, Decision, Hold, Missing};
use super::{Amounts, Key, Quotas, amount_of, now_ms};
use alga_bundle::{Meter, Period, QuotaLease, QuotaSettlement, QuotaWindow};
use alga_errors::{Code, Problem};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Time in milliseconds for which the database is not asked again after it did not respond.
const FAILURE_MS: i64 = 1_000;
/// Executions of a tenant or an install that wait for credit of others; further ones are refused at
/// once.
const QUEUE: i64 = 256;

pub(crate) struct Subject {
    pub(super) key: Key,
    state: Mutex<State>,
    /// Generation of the limits that `is_limited` is of.
    generation: AtomicU64,
    is_limited: AtomicBool,
    /// Held while credit is leased from the database.
    pub(super) leasing: Arc<tokio::sync::Mutex<()>>,
    /// Executions that wait for it.
    waiting: AtomicI64,
    /// Executions that wait for credit of others.
    queued: AtomicI64,
    /// Notified when an execution returns credit.
    pub(super) returned: Notify,
}

#[derive(Default)]
struct State {
    credits: Vec<Credit>,
    /// Changes to write into the database.
    owed: Owed,
    /// Usage since the last write, and its day.
    used: Amounts,
    day: i64,
    is_dirty: bool,
    /// The database is not asked before this time.
    failed_until_ms: i64,
}

/// Changes to write into the database, one for each window: while the database does not respond,
/// they do not become more.
#[derive(Default)]
struct Owed(BTreeMap<QuotaWindow, (i64, i64)>);

impl Extend<QuotaSettlement> for Owed {
    fn extend<T: IntoIterator<Item = QuotaSettlement>>(&mut self, settlements: T) {
        for settlement in settlements {
            let (used, leased) = self.0.entry(settlement.window).or_default();
            *used = used.saturating_add(settlement.used);
            *leased = leased.saturating_add(settlement.leased);
        }
    }
}

impl Owed {
    fn drain(&mut self) -> Vec<QuotaSettlement> {
        let changes = std::mem::take(&mut self.0).into_iter();
        let settlement = |(window, (used, leased))| QuotaSettlement { window, used, leased };
        changes
            .map(settlement)
            .filter(|change| change.used != 0 || change.leased != 0)
            .collect()
    }
}

/// Result of one attempt to hold credit of all meters.
pub(super) enum Attempt {
    Held(Vec<Hold>),
    /// Credit has to be leased from the database.
    Lease,
    /// Other executions hold the rest.
    Later(Problem),
    Exceeded(Problem),
    /// The database did not respond a moment ago, and there is no more credit.
    Unavailable(Missing),
}

/// A quota of requests, and the rest of it.
pub(super) struct Left {
    pub(super) name: String,
    pub(super) hard: i64,
    pub(super) left: i64,
    /// Seconds of the period.
    pub(super) window: i64,
    /// Seconds until it ends.
    pub(super) seconds: u32,
}

/// An execution that waits for credit from the database, until it is dropped.
pub(super) struct Waiting<'a>(&'a AtomicI64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Subject {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            state: Mutex::default(),
            generation: AtomicU64::new(0),
            is_limited: AtomicBool::new(false),
            leasing: Arc::default(),
            waiting: AtomicI64::new(0),
            queued: AtomicI64::new(0),
            returned: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state changes by single calls, none of which panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if executions need credit. Without a change of any quota, this acquires no lock.
    pub(super) fn is_limited(&self, quotas: &Quotas) -> bool {
        let generation = quotas.generation.load(Ordering::Acquire);
        if self.generation.load(Ordering::Acquire) != generation {
            self.reload(quotas);
        }
        self.is_limited.load(Ordering::Acquire)
    }

    fn reload(&self, quotas: &Quotas) {
        let mut state = self.state();
        // With the lock, so that an older state of the limits never replaces a newer one.
        let generation = quotas.generation.load(Ordering::Acquire);
        let limits = quotas.limits_of(&self.key);
        let State { credits, owed, .. } = &mut *state;
        credits.retain_mut(|credit| {
            let is_known = limits.iter().any(|quota| credit.is_of(quota));
            if !is_known {
                owed.extend(credit.settle_all());
            }
            is_known
        });
        for quota in &limits {
            match credits.iter_mut().find(|credit| credit.is_of(quota)) {
                Some(credit) => owed.extend(credit.change(quota)),
                None => credits.push(Credit::new(quota, now_ms())),
            }
        }
        self.is_limited.store(!credits.is_empty(), Ordering::Release);
        self.generation.store(generation, Ordering::Release);
    }

    /// Holds credit of all meters, or of none.
    pub(super) fn attempt(&self, quotas: &Quotas, most: &Amounts) -> Attempt {
        self.is_limited(quotas);
        let now_ms = now_ms();
        let mut state = self.state();
        let has_failed = state.has_failed(now_ms);
        let State { credits, owed, .. } = &mut *state;
        let mut holds = Vec::with_capacity(credits.len());
        let mut failed = None;
        for credit in credits.iter_mut() {
            owed.extend(credit.advance(now_ms));
            let most = amount_of(most, credit.meter);
            match credit.acquire(most, now_ms, !has_failed) {
                Decision::Acquired(hold) => holds.push(hold),
                Decision::Lease => failed = Some(Attempt::Lease),
                Decision::Later => failed = Some(Attempt::Later(self.exceeded(credit, 1))),
                Decision::Exceeded if has_failed => {
                    failed = Some(Attempt::Unavailable(credit.missing(most, 1, true)));
                }
                Decision::Exceeded => {
                    failed = Some(Attempt::Exceeded(self.exceeded(credit, credit.seconds_left(now_ms))));
                }
            }
            if failed.is_some() {
                break;
            }
        }
        let Some(failed) = failed else {
            return Attempt::Held(holds);
        };
        state.release(&self.key, &holds, None);
        failed
    }

    fn exceeded(&self, credit: &Credit, seconds: u32) -> Problem {
        let whose = if self.key.1.is_some() { "install" } else { "tenant" };
        let (meter, period) = (credit.meter, credit.period);
        let message = format!("the quota `{meter}` of this {whose} is used up for this {period}");
        Problem::new(Code::QuotaExceeded, message).retry_after_seconds(seconds)
    }

    /// Returns the quotas of requests with their names.
    pub(super) fn left_requests(&self) -> Vec<Left> {
        let whose = if self.key.1.is_some() { "install" } else { "tenant" };
        let now_ms = now_ms();
        let state = self.state();
        let requests = state.credits.iter().filter(|credit| credit.meter == Meter::Requests);
        let left = requests.filter_map(|credit| {
            let (hard, left) = credit.left()?;
            Some(Left {
                name: format!("{whose}-{}", credit.period),
                hard,
                left,
                window: credit.seconds(),
                seconds: credit.seconds_left(now_ms),
            })
        });
        left.collect()
    }

    /// Counts an execution that waits for credit from the database.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// Counts an execution that waits for credit of others, unless too many do.
    pub(super) fn queue(&self) -> Option<Waiting<'_>> {
        let queued = self.queued.fetch_add(1, Ordering::Relaxed);
        let place = Waiting(&self.queued);
        (queued < QUEUE).then_some(place)
    }

    /// Returns the first credit that has to be leased from the database, if there is still one.
    pub(super) fn missing(&self, quotas: &Quotas, most: &Amounts) -> Option<Missing> {
        let waiting = self.waiting.load(Ordering::Relaxed);
        self.is_limited(quotas);
        let now_ms = now_ms();
        let mut state = self.state();
        let has_failed = state.has_failed(now_ms);
        let State { credits, owed, .. } = &mut *state;
        for credit in credits {
            owed.extend(credit.advance(now_ms));
            let most = amount_of(most, credit.meter);
            if credit.needs_more(most, now_ms) {
                return Some(credit.missing(most, waiting, has_failed));
            }
        }
        None
    }

    /// Adds credit that was leased from the database.
    pub(super) fn add(&self, missing: &Missing, lease: QuotaLease) {
        let now_ms = now_ms();
        let mut state = self.state();
        let State { credits, owed, .. } = &mut *state;
        let QuotaWindow {
            meter,
            period,
            starts_at_ms,
            ..
        } = missing.window;
        let credit = credits
            .iter_mut()
            .find(|credit| (credit.meter, credit.period) == (meter, period));
        let Some(credit) = credit else {
            // The quota was removed in the meantime.
            owed.extend([QuotaSettlement {
                window: missing.window.clone(),
                used: 0,
                leased: -lease.granted,
            }]);
            return;
        };
        let (returned, warns) = credit.add(starts_at_ms, missing.wanted, lease, now_ms);
        owed.extend(returned);
        if warns {
            warn(&self.key, meter, period);
        }
    }

    /// Adds credit without the database, which gets it later.
    pub(super) fn lend(&self, missing: &Missing) {
        let lease = QuotaLease {
            granted: missing.wanted,
            total: 0,
        };
        self.add(missing, lease);
        self.owe(QuotaSettlement {
            window: missing.window.clone(),
            used: 0,
            leased: missing.wanted,
        });
    }

    /// Notes that the database did not respond.
    pub(super) fn fail(&self) {
        self.state().failed_until_ms = now_ms().saturating_add(FAILURE_MS);
    }

    pub(super) fn owe(&self, settlement: QuotaSettlement) {
        self.state().owed.extend([settlement]);
    }

    /// Ends an execution that used this much, or that was not admitted. Returns true if there is
    /// something to write into the database.
    pub(super) fn release(&self, holds: &[Hold], used: Option<&Amounts>) -> bool {
        let is_install = self.key.1.is_some();
        if holds.is_empty() && (used.is_none() || !is_install) {
            return false;
        }
        let mut state = self.state();
        state.release(&self.key, holds, used);
        if let Some(used) = used.filter(|_| is_install) {
            state.count(&self.key, used, now_ms());
        }
        drop(state);
        if !holds.is_empty() {
            self.returned.notify_waiters();
        }
        true
    }

    /// Returns true if the subject was not marked before.
    pub(super) fn mark(&self) -> bool {
        !std::mem::replace(&mut self.state().is_dirty, true)
    }

    /// Returns what is to be written, with or without usage, and whether nothing is left.
    pub(super) fn drain(&self, with_usage: bool) -> (Vec<QuotaSettlement>, bool) {
        let now_ms = now_ms();
        let mut state = self.state();
        if with_usage {
            state.write_used(&self.key);
        }
        let State { credits, owed, .. } = &mut *state;
        for credit in credits.iter_mut() {
            owed.extend(credit.advance(now_ms));
            owed.extend(credit.balance());
        }
        let is_done = credits.iter().all(Credit::is_settled) && state.used == Amounts::default();
        state.is_dirty = false;
        (state.owed.drain(), is_done)
    }
}

fn warn((tenant, install): &Key, meter: Meter, period: Period) {
    let install = install.as_ref().map(tracing::field::display);
    tracing::warn!(%tenant, install, %meter, %period, "a soft quota is exceeded");
}

impl State {
    /// True if the database did not respond a moment ago. A time further away is one of a clock
    /// that was set back since.
    fn has_failed(&self, now_ms: i64) -> bool {
        (1..=FAILURE_MS).contains(&self.failed_until_ms.saturating_sub(now_ms))
    }

    fn release(&mut self, key: &Key, holds: &[Hold], used: Option<&Amounts>) {
        for hold in holds {
            let used = used.map_or(0, |used| amount_of(used, hold.meter));
            let credit = self
                .credits
                .iter_mut()
                .find(|credit| (credit.meter, credit.period) == (hold.meter, hold.period));
            match credit.map(|credit| credit.release(*hold, used)) {
                Some((settlement, warns)) => {
                    self.owed.extend(settlement);
                    if warns {
                        warn(key, hold.meter, hold.period);
                    }
                }
                // The quota was removed in the meantime.
                None => self.owed.extend([hold.settlement(key.1.clone(), used)]),
            }
        }
    }

    /// Counts what an execution used on the day of this time.
    fn count(&mut self, key: &Key, used: &Amounts, now_ms: i64) {
        let (day, _) = Period::Day.around(now_ms);
        if day != self.day {
            self.write_used(key);
            self.day = day;
        }
        for (sum, used) in self.used.iter_mut().zip(used) {
            *sum = sum.saturating_add(*used);
        }
    }

    /// Moves what was used to what is written.
    fn write_used(&mut self, (_, install): &Key) {
        let used = std::mem::take(&mut self.used);
        for (meter, used) in Meter::OF_EXECUTIONS
            .into_iter()
            .zip(used)
            .filter(|(_, used)| *used != 0)
        {
            self.owed.extend([QuotaSettlement {
                window: QuotaWindow {
                    install: install.clone(),
                    meter,
                    period: Period::Day,
                    starts_at_ms: self.day,
                },
                used,
                leased: 0,
            }]);
        }
    }
}
