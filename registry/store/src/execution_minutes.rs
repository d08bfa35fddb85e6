//! Executions counted by minute. What one process has counted is written once, and summed when it
//! is read.

use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{DURATION_BUCKETS, ExecutionMinute, ExecutionTotals, InstallId, TenantId};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::time::Duration;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Maximum number of endpoints and outcomes of an install that are returned: more than all
/// endpoints of a manifest with ten outcomes each.
const SUMS: i64 = 5_000;

/// Executions of an install in a span of time, at one endpoint with one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionSum {
    /// Method and path of the manifest; `None` if there is no such endpoint.
    pub endpoint: Option<String>,
    /// `2xx` to `5xx` by the extension's status, or the code of the error.
    pub outcome: String,
    /// Sums of these executions.
    pub totals: ExecutionTotals,
}

impl Database {
    /// Writes what was counted, with the name of this process and round: rows of the same name
    /// that are there already stay as they are.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails; then no row is written.
    pub async fn store_minutes(
        &self,
        tenant: &TenantId,
        writer: &str,
        minutes: &[ExecutionMinute],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        for minute in minutes {
            insert(&mut transaction, tenant, writer, minute).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns the sums of the minutes that begin in a span of time, in milliseconds since 1970,
    /// by endpoint and outcome.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn execution_sums(
        &self,
        tenant: &TenantId,
        install: &InstallId,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<ExecutionSum>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        // Sums of BIGINT are NUMERIC in Postgres.
        let rows = sqlx::query(
            "SELECT endpoint, outcome, MAX(memory_peak_bytes) AS memory_peak_bytes, \
             CAST(SUM(executions) AS BIGINT) AS executions, CAST(SUM(cold) AS BIGINT) AS cold, \
             CAST(SUM(duration_us) AS BIGINT) AS duration_us, CAST(SUM(cpu_us) AS BIGINT) AS cpu_us, \
             CAST(SUM(guest_cpu_us) AS BIGINT) AS guest_cpu_us, CAST(SUM(queued_us) AS BIGINT) AS queued_us, \
             CAST(SUM(memory_kib_ms) AS BIGINT) AS memory_kib_ms, CAST(SUM(host_calls) AS BIGINT) AS host_calls, \
             CAST(SUM(request_bytes) AS BIGINT) AS request_bytes, CAST(SUM(response_bytes) AS BIGINT) AS response_bytes, \
             CAST(SUM(egress_bytes) AS BIGINT) AS egress_bytes, CAST(SUM(ingress_bytes) AS BIGINT) AS ingress_bytes, \
             CAST(SUM(d0) AS BIGINT) AS d0, CAST(SUM(d1) AS BIGINT) AS d1, CAST(SUM(d2) AS BIGINT) AS d2, \
             CAST(SUM(d3) AS BIGINT) AS d3, CAST(SUM(d4) AS BIGINT) AS d4, CAST(SUM(d5) AS BIGINT) AS d5, \
             CAST(SUM(d6) AS BIGINT) AS d6, CAST(SUM(d7) AS BIGINT) AS d7, CAST(SUM(d8) AS BIGINT) AS d8, \
             CAST(SUM(d9) AS BIGINT) AS d9, CAST(SUM(d10) AS BIGINT) AS d10, CAST(SUM(d11) AS BIGINT) AS d11, \
             CAST(SUM(d12) AS BIGINT) AS d12, CAST(SUM(d13) AS BIGINT) AS d13, CAST(SUM(d14) AS BIGINT) AS d14, \
             CAST(SUM(d15) AS BIGINT) AS d15 FROM extension_execution_minute \
             WHERE tenant_id = $1 AND install_id = $2 AND minute_ms >= $3 AND minute_ms < $4 \
             GROUP BY endpoint, outcome ORDER BY endpoint, outcome LIMIT $5",
        )
        .bind(tenant.as_str())
        .bind(install.as_str())
        .bind(from_ms)
        .bind(to_ms)
        .bind(SUMS)
        .fetch_all(reader.connection())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Deletes minutes after their time and returns their number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn sweep_minutes(&self, life: Duration) -> Result<u64, StoreError> {
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let end = now_ms().saturating_sub(life_ms);
        let mut deleted = 0;
        // An hour at a time: a statement over many rows would exceed its time.
        while let Some(first) = self.first_minute().await?.filter(|first| *first < end) {
            let mut transaction = self.begin_across_tenants().await?;
            let result = sqlx::query("DELETE FROM extension_execution_minute WHERE minute_ms < $1")
                .bind(first.saturating_add(HOUR_MS).min(end))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            deleted += result.rows_affected();
        }
        Ok(deleted)
    }

    async fn first_minute(&self) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let row = sqlx::query("SELECT MIN(minute_ms) AS first FROM extension_execution_minute")
            .fetch_one(&mut *transaction)
            .await?;
        Ok(row.try_get("first")?)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn insert(
    transaction: &mut Transaction,
    tenant: &TenantId,
    writer: &str,
    minute: &ExecutionMinute,
) -> Result<(), StoreError> {
    let totals = &minute.totals;
    let mut query = sqlx::query(
        "INSERT INTO extension_execution_minute (tenant_id, install_id, minute_ms, endpoint, outcome, writer, executions, cold, duration_us, \
         cpu_us, guest_cpu_us, queued_us, memory_peak_bytes, memory_kib_ms, host_calls, request_bytes, response_bytes, egress_bytes, \
         ingress_bytes, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35) ON CONFLICT DO NOTHING",
    )
    .bind(tenant.as_str())
    .bind(minute.install.as_str())
    .bind(minute.minute_ms)
    .bind(minute.endpoint.as_deref().unwrap_or_default())
    .bind(minute.outcome)
    .bind(writer);
    let sums = [
        totals.executions,
        totals.cold,
        totals.duration_us,
        totals.cpu_us,
        totals.guest_cpu_us,
        totals.queued_us,
        totals.memory_peak_bytes,
        totals.memory_kib_ms,
        totals.host_calls,
        totals.request_bytes,
        totals.response_bytes,
        totals.egress_bytes,
        totals.ingress_bytes,
    ];
    for number in sums.into_iter().chain(totals.durations) {
        query = query.bind(signed(number));
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// Names of the columns of durations, in the order of their bounds.
const DURATIONS: [&str; DURATION_BUCKETS] = [
    "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15",
];

fn read(row: &AnyRow) -> Result<ExecutionSum, StoreError> {
    let number = |column: &str| {
        let number: i64 = row.try_get(column)?;
        u64::try_from(number).map_err(StoreError::row)
    };
    let endpoint: String = row.try_get("endpoint")?;
    let mut durations = [0; DURATION_BUCKETS];
    for (executions, column) in durations.iter_mut().zip(DURATIONS) {
        *executions = number(column)?;
    }
    Ok(ExecutionSum {
        endpoint: Some(endpoint).filter(|endpoint| !endpoint.is_empty()),
        outcome: row.try_get("outcome")?,
        totals: ExecutionTotals {
            executions: number("executions")?,
            cold: number("cold")?,
            duration_us: number("duration_us")?,
            cpu_us: number("cpu_us")?,
            guest_cpu_us: number("guest_cpu_us")?,
            queued_us: number("queued_us")?,
            memory_peak_bytes: number("memory_peak_bytes")?,
            memory_kib_ms: number("memory_kib_ms")?,
            host_calls: number("host_calls")?,
            request_bytes: number("request_bytes")?,
            response_bytes: number("response_bytes")?,
            egress_bytes: number("egress_bytes")?,
            ingress_bytes: number("ingress_bytes")?,
            durations,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute_ms: i64, endpoint: Option<&str>, outcome: &'static str, number: u64) -> ExecutionMinute {
        let mut totals = ExecutionTotals {
            executions: number,
            cold: 1,
            duration_us: 2,
            cpu_us: 3,
            guest_cpu_us: 4,
            queued_us: 5,
            memory_peak_bytes: number,
            memory_kib_ms: 7,
            host_calls: 8,
            request_bytes: 9,
            response_bytes: 10,
            egress_bytes: 11,
            ingress_bytes: 12,
            durations: [0; DURATION_BUCKETS],
        };
        totals.durations[DURATION_BUCKETS - 1] = number;
        totals.durations[0] = 13;
        ExecutionMinute {
            tenant: "acme".parse().unwrap(),
            install: "i-1".parse().unwrap(),
            minute_ms,
            endpoint: endpoint.map(Into::into),
            outcome,
            totals,
        }
    }

    #[tokio::test]
    async fn minutes_of_several_writers_are_summed_and_a_repeated_write_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        let (tenant, install): (TenantId, InstallId) = ("acme".parse().unwrap(), "i-1".parse().unwrap());
        let (one, two) = (
            minute(60_000, Some("GET /a"), "2xx", 100),
            minute(60_000, None, "2xx", 1),
        );
        let late = minute(120_000, Some("GET /a"), "2xx", 50);
        for (writer, rows) in [
            ("a-1", vec![one.clone(), two.clone()]),
            ("a-1", vec![one.clone(), two]),
            ("b-1", vec![one.clone()]),
            ("a-2", vec![late, minute(180_000, None, "guest_trapped", 1)]),
        ] {
            database.store_minutes(&tenant, writer, &rows).await.unwrap();
        }
        let sums = database
            .execution_sums(&tenant, &install, 60_000, 180_000)
            .await
            .unwrap();
        let [without, with] = &sums[..] else { panic!("{sums:?}") };
        assert_eq!((without.endpoint.as_deref(), without.totals.executions), (None, 1));
        assert_eq!(with.endpoint.as_deref(), Some("GET /a"));
        let mut expected = one.totals;
        expected.add(&one.totals);
        expected.add(&minute(0, None, "2xx", 50).totals);
        assert_eq!(with.totals, expected);
        let other = "other".parse().unwrap();
        let others = database.execution_sums(&other, &install, 0, i64::MAX).await;
        assert_eq!(others.unwrap(), []);
        assert_eq!(database.sweep_minutes(Duration::from_hours(24)).await.unwrap(), 5);
    }
}
