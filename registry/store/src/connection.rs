//! Connections of the pool, whose durations are measured: from the wait for one to the last
//! statement or the commit.

use alga_metrics::Running;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection};
use std::ops::{Deref, DerefMut};

/// A transaction, which is rolled back if it is dropped without a commit.
pub(crate) struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    running: Running,
}

impl Transaction {
    pub(crate) fn new(inner: sqlx::Transaction<'static, Any>, running: Running) -> Self {
        Self { inner, running }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { inner, mut running } = self;
        let result = inner.commit().await;
        if result.is_err() {
            running.fail();
        }
        result
    }

    /// Counts it as one that could not begin.
    pub(crate) fn fail(&mut self) {
        self.running.fail();
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

/// A connection for statements that need no transaction.
pub(crate) struct PooledConnection {
    inner: PoolConnection<Any>,
    _running: Running,
}

impl PooledConnection {
    pub(crate) fn new(inner: PoolConnection<Any>, running: Running) -> Self {
        Self {
            inner,
            _running: running,
        }
    }
}

impl Deref for PooledConnection {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    use crate::Database;
    use alga_metrics::{Format, Metrics};

    /// Returns the number of transactions and statements that were measured.
    fn measured(metrics: &Metrics) -> u64 {
        let text = metrics.text(Format::PrometheusText);
        let name = r#"alga_dependency_duration_seconds_count{dependency="database",outcome="ok"} "#;
        let count = text.lines().find_map(|line| line.strip_prefix(name));
        count.unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_transaction_is_measured_until_it_commits_or_is_rolled_back() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("rows")).await.unwrap();
        let metrics = Metrics::default();
        metrics.add_dependency("database", database.latency());
        let before = measured(&metrics);
        let mut transaction = database.begin().await.unwrap();
        sqlx::query("SELECT 1").execute(&mut *transaction).await.unwrap();
        assert_eq!(measured(&metrics), before);
        transaction.commit().await.unwrap();
        assert_eq!(measured(&metrics), before + 1);
        drop(database.begin().await.unwrap());
        assert_eq!(measured(&metrics), before + 2);
        database.ping().await.unwrap();
        assert_eq!(measured(&metrics), before + 3);
    }
}
