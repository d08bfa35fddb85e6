//! Connects the runner's quotas, weights and quarantines with those of the database: follows
//! changes, and writes what executions used.

use alga_bundle::{QuotaSettlement, QuotaWindow, TenantId};
use alga_errors::chain;
use alga_execute::{LeaseFuture, Quarantine, QuotaStore, Quotas, Weights};
use alga_store::{Database, StoreError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};
use uuid::Uuid;

/// Interval of looking for changed quotas and weights: the time after which a change is effective
/// everywhere.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// Rounds after which what was used is written; credit is returned in each. A process that is
/// killed loses at most these seconds of the bill. Credit was leased before, so no limit is
/// exceeded by that.
const WRITE_ROUNDS: u32 = 30;
/// Maximum number of tenants whose rounds are repeated, some kilobytes each. While the database
/// fails, what more tenants used is lost.
const UNKNOWN_TENANTS: usize = 10_000;
/// Time whose changes are read again in each round, in milliseconds: more than the difference
/// between two clocks.
const OVERLAP_MS: i64 = 10 * 60 * 1000;
/// Rounds after which everything is read again: the clock of the process that changed something may
/// be further behind than the overlap.
const WHOLE_ROUNDS: u32 = 60;
/// Time to write what was used when the process stops.
const LAST_MOMENT: Duration = Duration::from_secs(10);

struct StoredQuotas(Database);

impl QuotaStore for StoredQuotas {
    fn lease<'a>(&'a self, tenant: &'a TenantId, window: &'a QuotaWindow, hard: i64, wanted: i64) -> LeaseFuture<'a> {
        Box::pin(async move { Ok(self.0.lease_quota(tenant, window, hard, wanted).await?) })
    }
}

/// The quotas, weights and quarantines of a runner, with the database that they are of.
pub struct QuotaKeeper {
    quotas: Arc<Quotas>,
    weights: Arc<Weights>,
    quarantine: Arc<Quarantine>,
    database: Database,
    /// Start of the last round of following changes that succeeded, in milliseconds since 1970.
    followed_at_ms: AtomicI64,
    /// Rounds of following changes so far.
    rounds: AtomicU32,
    /// Held while something is written.
    writing: Mutex<Writing>,
}

/// Writes of a process, in rounds.
struct Writing {
    /// Name of this process.
    writer: String,
    round: i64,
    /// Rounds that are not known to be written, at most one for each tenant: it is repeated, and
    /// meanwhile no other one is begun for the tenant.
    unknown: HashMap<TenantId, (i64, Vec<QuotaSettlement>)>,
}

impl Default for Writing {
    fn default() -> Self {
        Self {
            writer: Uuid::now_v7().to_string(),
            round: 0,
            unknown: HashMap::new(),
        }
    }
}

impl QuotaKeeper {
    /// Reads all quotas, weights and quarantines, and follows their changes until the result is
    /// dropped.
    pub(crate) async fn start(
        database: Database,
        weights: Arc<Weights>,
        fails_open: bool,
    ) -> Result<Arc<Self>, StoreError> {
        let quotas = Quotas::new(Arc::new(StoredQuotas(database.clone())), fails_open);
        let keeper = Arc::new(Self {
            quotas,
            weights,
            quarantine: Arc::default(),
            database,
            followed_at_ms: AtomicI64::new(0),
            rounds: AtomicU32::new(0),
            writing: Mutex::default(),
        });
        keeper.follow().await?;
        tokio::spawn(keep(Arc::downgrade(&keeper)));
        Ok(keeper)
    }

    pub(crate) fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    pub(crate) fn quarantine(&self) -> &Arc<Quarantine> {
        &self.quarantine
    }

    /// Applies quotas, weights and quarantines that were changed lately, without waiting for the
    /// next round.
    ///
    /// # Errors
    /// Returns the database's [`StoreError`]; the known ones stay in effect.
    pub async fn follow(&self) -> Result<(), StoreError> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let followed = self.followed_at_ms.load(Ordering::Relaxed);
        // The clock may have been set back.
        let since = followed.min(now).saturating_sub(OVERLAP_MS);
        let is_whole = self.rounds.fetch_add(1, Ordering::Relaxed).is_multiple_of(WHOLE_ROUNDS);
        self.apply_since(if is_whole { 0 } else { since }).await?;
        self.followed_at_ms.store(now, Ordering::Relaxed);
        Ok(())
    }

    async fn apply_since(&self, at_ms: i64) -> Result<(), StoreError> {
        self.quotas.apply(self.database.quotas_changed_since(at_ms).await?);
        for (tenant, weight) in self.database.weights_changed_since(at_ms).await? {
            self.weights.set(&tenant, weight);
        }
        self.quarantine.apply(self.database.crashes_changed_since(at_ms).await?);
        Ok(())
    }

    /// Writes what executions that have ended used. What cannot be written is written later.
    pub async fn flush(&self) {
        let mut writing = self.writing.lock().await;
        self.write(&mut writing, true).await;
    }

    /// Returns credit, and writes what was used if it is asked for, unless that is in progress.
    async fn try_flush(&self, with_usage: bool) {
        if let Ok(mut writing) = self.writing.try_lock() {
            self.write(&mut writing, with_usage).await;
        }
    }

    async fn write(&self, writing: &mut Writing, with_usage: bool) {
        for (tenant, (round, settlements)) in std::mem::take(&mut writing.unknown) {
            self.write_round(writing, tenant, round, settlements).await;
        }
        for (tenant, mut settlements) in self.quotas.drain(with_usage) {
            if writing.unknown.contains_key(&tenant) {
                self.quotas.restore(&tenant, settlements);
                continue;
            }
            // All processes lock rows in the same order.
            settlements.sort_by(|one, other| one.window.cmp(&other.window));
            writing.round += 1;
            let round = writing.round;
            self.write_round(writing, tenant, round, settlements).await;
        }
    }

    async fn write_round(
        &self,
        writing: &mut Writing,
        tenant: TenantId,
        round: i64,
        settlements: Vec<QuotaSettlement>,
    ) {
        let name = (writing.writer.as_str(), round);
        if let Err(error) = self.database.settle_quotas(&tenant, name, &settlements).await {
            tracing::warn!(%tenant, error = %chain(&error), "could not write what was used; trying again");
            if writing.unknown.len() >= UNKNOWN_TENANTS {
                tracing::warn!(%tenant, "what was used is lost: too many tenants wait for the database");
                return;
            }
            writing.unknown.insert(tenant, (round, settlements));
        }
    }

    /// Writes everything when the process stops, with the credit that nothing uses any more.
    pub(crate) async fn close(&self) {
        let written = async {
            self.flush().await;
            self.flush().await;
        };
        if timeout(LAST_MOMENT, written).await.is_err() {
            tracing::warn!("what executions used was not written in time");
        }
    }
}

async fn keep(keeper: Weak<QuotaKeeper>) {
    let mut rounds = interval(FOLLOW_INTERVAL);
    for round in 1_u32.. {
        let Some(quotas) = keeper.upgrade().map(|keeper| Arc::clone(&keeper.quotas)) else {
            return;
        };
        let is_full = tokio::select! {
            _ = rounds.tick() => false,
            () = quotas.full() => true,
        };
        let Some(keeper) = keeper.upgrade() else {
            return;
        };
        // In a task of its own: changes are effective although much is written.
        let with_usage = is_full || round.is_multiple_of(WRITE_ROUNDS);
        let writer = Arc::clone(&keeper);
        tokio::spawn(async move { writer.try_flush(with_usage).await });
        if is_full {
            continue;
        }
        if let Err(error) = keeper.follow().await {
            tracing::warn!(error = %chain(&error), "could not look for changed quotas, weights and quarantines");
        }
    }
}
