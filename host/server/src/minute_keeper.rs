//! Writes the sums of executions to the database when their minute is over.

use alga_bundle::{ExecutionMinute, TenantId};
use alga_errors::chain;
use alga_execute::ExecutionMinutes;
use alga_store::Database;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};
use uuid::Uuid;

/// Interval of looking for minutes that are over.
const INTERVAL: Duration = Duration::from_secs(5);
/// Maximum number of rows that wait for the database: a stalled database costs some 30 MiB.
const ROWS: usize = 100_000;
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
        waiting.extend(batches(self.minutes.drain(with_this_minute)));
        // Each is tried once: one that fails does not stop those of other tenants.
        for _ in 0..waiting.len() {
            let Some(batch) = waiting.pop_front() else {
                break;
            };
            let Batch {
                tenant,
                writer,
                minutes,
            } = &batch;
            if let Err(error) = self.database.store_minutes(tenant, writer, minutes).await {
                tracing::warn!(%tenant, error = %chain(&error), "could not write sums of executions; trying again");
                waiting.push_back(batch);
            }
        }
        self.trim(&mut waiting);
    }

    /// Drops what exceeds the capacity, oldest first.
    fn trim(&self, waiting: &mut VecDeque<Batch>) {
        let mut rows: usize = waiting.iter().map(|batch| batch.minutes.len()).sum();
        while rows > ROWS {
            let Some(lost) = waiting.pop_front() else {
                break;
            };
            rows -= lost.minutes.len();
            let executions = lost.minutes.iter().map(|row| row.totals.executions).sum();
            self.minutes.lose(executions);
        }
    }

    /// Writes everything when the process stops.
    pub(crate) async fn close(&self) {
        if timeout(LAST_MOMENT, self.flush()).await.is_err() {
            tracing::warn!("sums of executions were not written in time");
        }
    }
}

/// Returns a batch for each tenant. Rows of the same place are one: a minute begins twice if a
/// clock is set back.
fn batches(minutes: Vec<ExecutionMinute>) -> impl Iterator<Item = Batch> {
    let mut by_tenant: BTreeMap<TenantId, BTreeMap<_, ExecutionMinute>> = BTreeMap::new();
    for minute in minutes {
        let place = (
            minute.install.clone(),
            minute.minute_ms,
            minute.endpoint.clone(),
            minute.outcome,
        );
        let rows = by_tenant.entry(minute.tenant.clone()).or_default();
        match rows.entry(place) {
            Entry::Occupied(mut row) => row.get_mut().totals.add(&minute.totals),
            Entry::Vacant(place) => {
                place.insert(minute);
            }
        }
    }
    by_tenant.into_iter().map(|(tenant, rows)| Batch {
        tenant,
        writer: Uuid::now_v7().to_string(),
        minutes: rows.into_values().collect(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use alga_bundle::ExecutionTotals;
    use alga_metrics::text_of;

    fn minute(tenant: &str, minute_ms: i64) -> ExecutionMinute {
        ExecutionMinute {
            tenant: tenant.parse().unwrap(),
            install: "i-1".parse().unwrap(),
            minute_ms,
            endpoint: Some("GET /".into()),
            outcome: "2xx",
            totals: ExecutionTotals {
                executions: 1,
                ..ExecutionTotals::default()
            },
        }
    }

    #[test]
    fn a_minute_that_begins_twice_is_one_row() {
        let all = [minute("a", 1), minute("a", 2), minute("b", 1), minute("a", 1)];
        let batches: Vec<_> = batches(all.into()).collect();
        assert_eq!(batches.len(), 2);
        let sums: Vec<_> = batches[0].minutes.iter().map(|row| row.totals.executions).collect();
        assert_eq!(sums, [2, 1]);
    }

    #[tokio::test]
    async fn a_database_that_accepts_nothing_costs_bounded_memory_and_what_is_lost_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        database.close().await;
        let keeper = MinuteKeeper::start(database);
        let mut waiting = keeper.waiting.lock().await;
        for number in 0..3 {
            let rows = (0..ROWS as i64 / 2).map(|place| minute("a", number * 1_000_000 + place));
            waiting.extend(batches(rows.collect()));
        }
        drop(waiting);
        keeper.flush().await;
        let waiting = keeper.waiting.lock().await;
        assert_eq!(waiting.len(), 2);
        let lost = format!("alga_execution_sums_lost_total {}\n", ROWS / 2);
        assert!(text_of(Arc::clone(&keeper.minutes)).contains(&lost));
    }
}
