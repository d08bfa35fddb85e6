//! Writes the sums of executions to the database when their minute is over.

use alga_bundle::{ExecutionMinute, TenantId};
use alga_errors::chain;
use alga_execute::ExecutionMinutes;
use alga_store::Database;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};
use uuid::Uuid;

/// Interval of looking for minutes that are over.
const INTERVAL: Duration = Duration::from_secs(5);
/// Maximum number of batches, one for each tenant and round, that wait for the database: a stalled
/// database costs some 30 MiB.
const BATCHES: usize = 4_000;
/// Time to write what is left when the process stops.
const LAST_MOMENT: Duration = Duration::from_secs(10);

/// Sums of one tenant, with the name under which they are written once.
struct Batch {
    tenant: TenantId,
    writer: String,
    minutes: Vec<ExecutionMinute>,
}

/// Counts executions, and writes their sums until it is dropped.
pub struct MinuteKeeper {
    minutes: Arc<ExecutionMinutes>,
    database: Database,
    /// Batches that are not known to be written, oldest first.
    waiting: Mutex<VecDeque<Batch>>,
}

impl MinuteKeeper {
    pub(crate) fn start(database: Database) -> Arc<Self> {
        let keeper = Arc::new(Self {
            minutes: Arc::default(),
            database,
            waiting: Mutex::default(),
        });
        tokio::spawn(keep(Arc::downgrade(&keeper)));
        keeper
    }

    pub(crate) fn minutes(&self) -> &Arc<ExecutionMinutes> {
        &self.minutes
    }

    /// Writes everything that was counted, with what there is of the current minute.
    pub async fn flush(&self) {
        self.write(true).await;
    }

    async fn write(&self, with_this_minute: bool) {
        let mut waiting = self.waiting.lock().await;
        let mut by_tenant: BTreeMap<TenantId, Vec<ExecutionMinute>> = BTreeMap::new();
        for minute in self.minutes.drain(with_this_minute) {
            by_tenant.entry(minute.tenant.clone()).or_default().push(minute);
        }
        for (tenant, minutes) in by_tenant {
            waiting.push_back(Batch {
                tenant,
                writer: Uuid::now_v7().to_string(),
                minutes,
            });
        }
        let excess = waiting.len().saturating_sub(BATCHES);
        for lost in waiting.drain(..excess) {
            let executions = lost.minutes.iter().map(|row| row.totals.executions).sum();
            self.minutes.lose(executions);
        }
        while let Some(batch) = waiting.front() {
            let written = self
                .database
                .store_minutes(&batch.tenant, &batch.writer, &batch.minutes);
            if let Err(error) = written.await {
                tracing::warn!(error = %chain(&error), batches = waiting.len(), "could not write sums of executions; trying again");
                return;
            }
            waiting.pop_front();
        }
    }

    /// Writes everything when the process stops.
    pub(crate) async fn close(&self) {
        if timeout(LAST_MOMENT, self.flush()).await.is_err() {
            tracing::warn!("sums of executions were not written in time");
        }
    }
}

async fn keep(keeper: Weak<MinuteKeeper>) {
    let mut rounds = interval(INTERVAL);
    loop {
        rounds.tick().await;
        let Some(keeper) = keeper.upgrade() else {
            return;
        };
        keeper.write(false).await;
    }
}
