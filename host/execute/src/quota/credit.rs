//! Credit of one meter in one period: what this runner has leased from the database, and not used
//! yet. A state machine without a clock or a lock.

use alga_bundle::{InstallId, Meter, Period, Quota, QuotaLease, QuotaSettlement, QuotaWindow};
use std::sync::atomic::{AtomicU64, Ordering};

/// Times in milliseconds after which credit is asked for again when none was left: other runners
/// return what they do not use. Each is twice the one before, so that many limits that are reached
/// do not occupy the database.
const FIRST_DRY_MS: i64 = 1_000;
const LAST_DRY_MS: i64 = 32_000;
/// Part of a limit that is leased at once: a thousandth, so that a limit of 1000 or less is counted
/// one by one, and a higher one asks the database for each thousandth.
const SHARES: i64 = 1_000;
/// Executions for which credit of a meter without a hard limit is leased at once.
const UNLIMITED: i64 = 64;

#[derive(Debug)]
pub(super) struct Credit {
    install: Option<InstallId>,
    pub(super) meter: Meter,
    pub(super) period: Period,
    hard: Option<i64>,
    soft: Option<i64>,
    starts_at_ms: i64,
    last_ms: i64,
    /// Free credit, which no execution holds; negative if executions used more than they held.
    free: i64,
    /// Held by executions in progress.
    held: i64,
    /// Acquired by all runners, when this one last leased some.
    total: i64,
    /// No credit is asked for before this time, because none was left.
    dry_until_ms: i64,
    /// Time until credit is asked for again when none is left the next time.
    dry_ms: i64,
    is_warned: bool,
    /// Used by executions since credit was returned the last time.
    used_lately: i64,
    /// Distinguishes this credit from a former one of the same period.
    epoch: u64,
}

/// Credit that an execution holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(super) meter: Meter,
    pub(super) period: Period,
    starts_at_ms: i64,
    epoch: u64,
    amount: i64,
}

/// Credit to lease from the database.
pub(super) struct Missing {
    pub(super) window: QuotaWindow,
    pub(super) limit: i64,
    pub(super) wanted: i64,
    /// True if the database did not respond a moment ago.
    pub(super) has_failed: bool,
    /// True if the quota only warns.
    pub(super) is_soft: bool,
}

/// Decision about an execution that needs credit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Acquired(Hold),
    /// More has to be leased from the database.
    Lease,
    /// Executions in progress hold the rest, and return what they do not use.
    Later,
    /// The limit is reached.
    Exceeded,
}

impl Hold {
    /// Returns the settlement of an execution whose credit is not there any more.
    pub(super) fn settlement(&self, install: Option<InstallId>, used: i64) -> QuotaSettlement {
        QuotaSettlement {
            window: QuotaWindow {
                install,
                meter: self.meter,
                period: self.period,
                starts_at_ms: self.starts_at_ms,
            },
            used: 0,
            leased: used.saturating_sub(self.amount),
        }
    }
}

fn next_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Credit {
    pub(super) fn new(quota: &Quota, now_ms: i64) -> Self {
        let (starts_at_ms, last_ms) = quota.period.around(now_ms);
        Self {
            install: quota.install.clone(),
            meter: quota.meter,
            period: quota.period,
            hard: quota.hard,
            soft: quota.soft,
            starts_at_ms,
            last_ms,
            free: 0,
            held: 0,
            total: 0,
            dry_until_ms: i64::MIN,
            dry_ms: FIRST_DRY_MS,
            is_warned: false,
            used_lately: 0,
            epoch: next_epoch(),
        }
    }

    pub(super) fn is_of(&self, quota: &Quota) -> bool {
        (self.meter, self.period) == (quota.meter, quota.period)
    }

    /// Changes the limits. A lower one is effective at once: free credit is returned.
    pub(super) fn change(&mut self, quota: &Quota) -> Option<QuotaSettlement> {
        if (self.hard, self.soft) == (quota.hard, quota.soft) {
            return None;
        }
        let is_lower = quota.hard.unwrap_or(i64::MAX) < self.limit();
        (self.hard, self.soft) = (quota.hard, quota.soft);
        self.is_warned = false;
        self.refill();
        is_lower.then(|| self.settle_all()).flatten()
    }

    fn window(&self) -> QuotaWindow {
        self.window_at(self.starts_at_ms)
    }

    fn window_at(&self, starts_at_ms: i64) -> QuotaWindow {
        QuotaWindow {
            install: self.install.clone(),
            meter: self.meter,
            period: self.period,
            starts_at_ms,
        }
    }

    fn settlement(&self, starts_at_ms: i64, leased: i64) -> Option<QuotaSettlement> {
        (leased != 0).then(|| QuotaSettlement {
            window: self.window_at(starts_at_ms),
            used: 0,
            leased,
        })
    }

    /// Begins the period of this time, if it is another one; returns the credit of the last one.
    pub(super) fn advance(&mut self, now_ms: i64) -> Option<QuotaSettlement> {
        if (self.starts_at_ms..=self.last_ms).contains(&now_ms) {
            return None;
        }
        let returned = self.settlement(self.starts_at_ms, -self.free);
        (self.starts_at_ms, self.last_ms) = self.period.around(now_ms);
        (self.free, self.held, self.total) = (0, 0, 0);
        (self.is_warned, self.used_lately, self.epoch) = (false, 0, next_epoch());
        self.refill();
        returned
    }

    /// Acquires credit for an execution that uses at most `most`. The last execution of a period
    /// may get less, if it is the only one in progress: only it can exceed the limit, once.
    pub(super) fn acquire(&mut self, most: i64, now_ms: i64, may_lease: bool) -> Decision {
        let amount = if self.free >= most {
            most
        } else if may_lease && self.needs_more(most, now_ms) {
            return Decision::Lease;
        } else if self.held > 0 {
            return Decision::Later;
        } else if self.free > 0 {
            self.free
        } else {
            return Decision::Exceeded;
        };
        self.free -= amount;
        self.held += amount;
        Decision::Acquired(Hold {
            meter: self.meter,
            period: self.period,
            starts_at_ms: self.starts_at_ms,
            epoch: self.epoch,
            amount,
        })
    }

    /// True if [`Self::acquire`] would ask for a lease.
    pub(super) fn needs_more(&self, most: i64, now_ms: i64) -> bool {
        // A time further away is one of a clock that was set back since.
        let is_dry = now_ms < self.dry_until_ms && self.dry_until_ms.saturating_sub(now_ms) <= LAST_DRY_MS;
        self.free < most && !is_dry
    }

    /// True if there is no credit to return.
    pub(super) fn is_settled(&self) -> bool {
        self.free == 0
    }

    /// Returns all free credit.
    pub(super) fn settle_all(&mut self) -> Option<QuotaSettlement> {
        let free = std::mem::take(&mut self.free);
        self.settlement(self.starts_at_ms, -free)
    }

    /// Returns the lease that `waiting` executions need.
    pub(super) fn missing(&self, most: i64, waiting: i64, has_failed: bool) -> Missing {
        Missing {
            window: self.window(),
            limit: self.limit(),
            wanted: self.wanted(most, waiting),
            has_failed,
            is_soft: self.hard.is_none(),
        }
    }

    /// Returns what they have to lease: a share of the limit, or what they need if that is more.
    pub(super) fn wanted(&self, most: i64, waiting: i64) -> i64 {
        let share = self.hard.map_or(most.saturating_mul(UNLIMITED), |hard| hard / SHARES);
        let missing = most.saturating_mul(waiting.max(1)).saturating_sub(self.free);
        missing.max(share).max(1)
    }

    /// Returns the hard limit, and what is left of it, as far as this runner knows.
    pub(super) fn left(&self) -> Option<(i64, i64)> {
        let hard = self.hard?;
        let left = hard.saturating_sub(self.total).saturating_add(self.free);
        Some((hard, left.clamp(0, hard)))
    }

    /// Returns the seconds of the whole period.
    pub(super) fn seconds(&self) -> i64 {
        (self.last_ms - self.starts_at_ms) / 1_000 + 1
    }

    /// Returns the limit for the database.
    fn limit(&self) -> i64 {
        self.hard.unwrap_or(i64::MAX)
    }

    /// Notes that there may be credit again.
    fn refill(&mut self) {
        (self.dry_until_ms, self.dry_ms) = (i64::MIN, FIRST_DRY_MS);
    }

    /// Adds credit for the period that it was leased for; returns it if another one has begun.
    /// The second value is true if the tenant is to be warned.
    pub(super) fn add(
        &mut self,
        starts_at_ms: i64,
        wanted: i64,
        lease: QuotaLease,
        now_ms: i64,
    ) -> (Option<QuotaSettlement>, bool) {
        if starts_at_ms != self.starts_at_ms {
            return (self.settlement(starts_at_ms, -lease.granted), false);
        }
        self.free += lease.granted;
        self.total = lease.total;
        if lease.granted < wanted {
            self.dry_until_ms = now_ms.saturating_add(self.dry_ms);
            self.dry_ms = (2 * self.dry_ms).min(LAST_DRY_MS);
        } else {
            self.refill();
        }
        (None, self.warns())
    }

    /// True for the first time at which more is used than the soft limit, as far as this runner
    /// knows.
    fn warns(&mut self) -> bool {
        let used = self.total.saturating_sub(self.free).saturating_sub(self.held);
        let warns = !self.is_warned && self.soft.is_some_and(|soft| used > soft);
        self.is_warned |= warns;
        warns
    }

    /// Ends an execution that used this much of what it held. The second value is true if the
    /// tenant is to be warned.
    pub(super) fn release(&mut self, hold: Hold, used: i64) -> (Option<QuotaSettlement>, bool) {
        if hold.epoch != self.epoch {
            return (Some(hold.settlement(self.install.clone(), used)), false);
        }
        self.held -= hold.amount;
        self.free = self.free.saturating_add(hold.amount).saturating_sub(used);
        self.used_lately = self.used_lately.saturating_add(used);
        (None, self.warns())
    }

    /// Returns credit that is not needed soon: all but as much as was used since the last call, or
    /// a share. Adds what executions used beyond what they held.
    pub(super) fn balance(&mut self) -> Option<QuotaSettlement> {
        let used = std::mem::take(&mut self.used_lately);
        let share = self.hard.map_or(0, |hard| hard / SHARES);
        let retained = if used == 0 { 0 } else { used.max(share) };
        let returned = if self.free < 0 {
            self.free
        } else {
            (self.free - retained).max(0)
        };
        self.free -= returned;
        if returned > 0 {
            self.refill();
        }
        self.settlement(self.starts_at_ms, -returned)
    }

    /// Seconds until the next period.
    pub(super) fn seconds_left(&self, now_ms: i64) -> u32 {
        let milliseconds = self.last_ms.saturating_sub(now_ms).max(0);
        u32::try_from(milliseconds / 1_000 + 1).unwrap_or(u32::MAX)
    }
}
