//! Quotas, and what was used of them. A runner leases credit from a limited meter before it
//! executes anything, so that the sum of all credit never exceeds the limit; what was used is added
//! later.

use crate::audit::Change;
use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{InstallId, Meter, Period, Quota, QuotaLease, QuotaSettlement, QuotaWindow, TenantId};
use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Install column of a tenant's own rows.
const WHOLE_TENANT: &str = "";
/// Time in milliseconds for which rows of a period remain after it has begun: a bill can be checked
/// for more than a year.
const MINUTE_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
const DAY_LIFE_MS: i64 = 400 * MINUTE_LIFE_MS;
/// Time in milliseconds for which the row of a removed quota or weight remains: runners that lost
/// the database for less learn of the removal.
const REMOVED_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// Time in milliseconds for which the last round of a process remains: longer than it repeats one.
const ROUND_LIFE_MS: i64 = 30 * REMOVED_LIFE_MS;

/// State of a meter in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaUsageRow {
    /// The meter and its period.
    pub window: QuotaWindow,
    /// Amount that executions used.
    pub used: i64,
    /// Credit that runners have leased and not returned: used, or about to be.
    pub leased: i64,
}

fn install_of(install: Option<&InstallId>) -> &str {
    install.map_or(WHOLE_TENANT, InstallId::as_str)
}

impl Database {
    /// Sets the limits of a quota, or removes it if it has none.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn set_quota(&self, quota: &Quota) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(&quota.tenant).await?;
        sqlx::query(
            "INSERT INTO extension_quota (tenant_id, install_id, meter, period, hard, soft, set_by, changed_at_ms) \
             VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), $7, $8) \
             ON CONFLICT (tenant_id, install_id, meter, period) DO UPDATE SET hard = excluded.hard, soft = excluded.soft, \
             set_by = excluded.set_by, changed_at_ms = excluded.changed_at_ms",
        )
        .bind(quota.tenant.as_str())
        .bind(install_of(quota.install.as_ref()))
        .bind(quota.meter.as_str())
        .bind(quota.period.as_str())
        .bind(quota.hard)
        .bind(quota.soft)
        .bind(self.actor.to_string())
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        let change = Change {
            action: "quota.set",
            tenant: quota.tenant.as_str(),
            subject: install_of(quota.install.as_ref()),
            details: json!({ "meter": quota.meter, "period": quota.period, "hard": quota.hard, "soft": quota.soft }),
        };
        self.append_audit(&mut transaction, change).await?;
        Ok(transaction.commit().await?)
    }

    /// Removes the quotas of an install that is deleted.
    pub(crate) async fn remove_quotas(
        &self,
        transaction: &mut Transaction,
        tenant: &TenantId,
        install: &InstallId,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE extension_quota SET hard = NULL, soft = NULL, changed_at_ms = $1 WHERE tenant_id = $2 AND install_id = $3",
        )
        .bind(now_ms())
        .bind(tenant.as_str())
        .bind(install.as_str())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Returns the quotas of a tenant and of its installs.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn quotas(&self, tenant: &TenantId) -> Result<Vec<Quota>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let rows = sqlx::query(
            "SELECT tenant_id, install_id, meter, period, hard, soft FROM extension_quota \
             WHERE tenant_id = $1 AND (hard IS NOT NULL OR soft IS NOT NULL) ORDER BY install_id, meter, period",
        )
        .bind(tenant.as_str())
        .fetch_all(reader.connection())
        .await?;
        rows.iter().map(read_quota).collect()
    }

    /// Returns the quotas of all tenants that were changed or removed since a time.
    ///
    /// # Errors
    /// As for [`Self::quotas`].
    pub async fn quotas_changed_since(&self, at_ms: i64) -> Result<Vec<Quota>, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let rows = sqlx::query(
            "SELECT tenant_id, install_id, meter, period, hard, soft FROM extension_quota \
             WHERE changed_at_ms >= $1",
        )
        .bind(at_ms)
        .fetch_all(&mut *transaction)
        .await?;
        rows.iter().map(read_quota).collect()
    }

    /// Leases up to `wanted` of what is left below `hard`: 0 if nothing is left. The leases of one
    /// period together never exceed the limit.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails; then nothing was leased, or it is
    /// lost until the period ends.
    pub async fn lease_quota(
        &self,
        tenant: &TenantId,
        window: &QuotaWindow,
        hard: i64,
        wanted: i64,
    ) -> Result<QuotaLease, StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        // Expressions of an UPDATE see the row as it was.
        let row = sqlx::query(
            "INSERT INTO extension_quota_usage (tenant_id, install_id, meter, period, starts_at_ms, used, leased, last_lease) \
             VALUES ($1, $2, $3, $4, $5, 0, $6, $6) \
             ON CONFLICT (tenant_id, install_id, meter, period, starts_at_ms) DO UPDATE SET \
             last_lease = CASE WHEN extension_quota_usage.leased > $7 - $8 THEN \
             CASE WHEN extension_quota_usage.leased < $7 THEN $7 - extension_quota_usage.leased ELSE 0 END ELSE $8 END, \
             leased = CASE WHEN extension_quota_usage.leased > $7 - $8 THEN \
             CASE WHEN extension_quota_usage.leased < $7 THEN $7 ELSE extension_quota_usage.leased END \
             ELSE extension_quota_usage.leased + $8 END \
             RETURNING last_lease, leased",
        )
        .bind(tenant.as_str())
        .bind(install_of(window.install.as_ref()))
        .bind(window.meter.as_str())
        .bind(window.period.as_str())
        .bind(window.starts_at_ms)
        .bind(wanted.min(hard))
        .bind(hard)
        .bind(wanted)
        .fetch_one(&mut *transaction)
        .await?;
        let lease = QuotaLease {
            granted: row.try_get("last_lease")?,
            total: row.try_get("leased")?,
        };
        transaction.commit().await?;
        Ok(lease)
    }

    /// Adds what executions of one tenant used, and returns credit. Rounds of one writer have
    /// increasing numbers: one that was added already is not added again.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails; then nothing is added, or all of it
    /// was and only the confirmation is lost: the same round can be repeated.
    pub async fn settle_quotas(
        &self,
        tenant: &TenantId,
        (writer, round): (&str, i64),
        settlements: &[QuotaSettlement],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        let is_new = sqlx::query(
            "INSERT INTO extension_quota_settlement (tenant_id, writer, round, settled_at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (tenant_id, writer) DO UPDATE SET round = excluded.round, settled_at_ms = excluded.settled_at_ms \
             WHERE extension_quota_settlement.round < excluded.round",
        )
        .bind(tenant.as_str())
        .bind(writer)
        .bind(round)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        if is_new.rows_affected() == 0 {
            return Ok(());
        }
        for settlement in settlements {
            settle(&mut transaction, tenant, settlement).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns the state of all meters of a tenant in the period of this length that begins then.
    ///
    /// # Errors
    /// As for [`Self::quotas`].
    pub async fn quota_usage(
        &self,
        tenant: &TenantId,
        period: Period,
        starts_at_ms: i64,
    ) -> Result<Vec<QuotaUsageRow>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let rows = sqlx::query(
            "SELECT install_id, meter, period, starts_at_ms, used, leased FROM extension_quota_usage \
             WHERE tenant_id = $1 AND period = $2 AND starts_at_ms = $3 ORDER BY install_id, meter",
        )
        .bind(tenant.as_str())
        .bind(period.as_str())
        .bind(starts_at_ms)
        .fetch_all(reader.connection())
        .await?;
        rows.iter().map(read_usage).collect()
    }

    /// Returns what installs of a tenant used on the days that begin between these times, by
    /// install and meter. Of stored bytes it is the most that was noted on any of the days.
    ///
    /// # Errors
    /// As for [`Self::quotas`].
    pub async fn usage_between(
        &self,
        tenant: &TenantId,
        first_ms: i64,
        last_ms: i64,
    ) -> Result<Vec<(InstallId, Meter, i64)>, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let rows = sqlx::query(
            "SELECT install_id, meter, CAST(CASE WHEN meter = $4 THEN MAX(used) ELSE SUM(used) END AS BIGINT) AS used \
             FROM extension_quota_usage \
             WHERE tenant_id = $1 AND period = 'day' AND starts_at_ms BETWEEN $2 AND $3 AND install_id <> '' AND used > 0 \
             GROUP BY install_id, meter ORDER BY install_id, meter",
        )
        .bind(tenant.as_str())
        .bind(first_ms)
        .bind(last_ms)
        .bind(Meter::StorageBytes.as_str())
        .fetch_all(reader.connection())
        .await?;
        let text = |row: &AnyRow, column: &str| row.try_get::<String, _>(column);
        rows.iter()
            .map(|row| {
                let install = text(row, "install_id")?.parse().map_err(StoreError::row)?;
                let meter = text(row, "meter")?.parse().map_err(StoreError::row)?;
                Ok((install, meter, row.try_get("used")?))
            })
            .collect()
    }

    /// Deletes what was used in periods that are long over, and quotas and weights that were
    /// removed long ago; returns the number of rows.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn sweep_quotas(&self) -> Result<u64, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let mut deleted = 0;
        for (period, life_ms) in [
            (Period::Minute, MINUTE_LIFE_MS),
            (Period::Day, DAY_LIFE_MS),
            (Period::Month, DAY_LIFE_MS),
        ] {
            let result = sqlx::query("DELETE FROM extension_quota_usage WHERE period = $1 AND starts_at_ms < $2")
                .bind(period.as_str())
                .bind(now_ms().saturating_sub(life_ms))
                .execute(&mut *transaction)
                .await?;
            deleted += result.rows_affected();
        }
        for (statement, life_ms) in [
            (
                "DELETE FROM extension_quota WHERE hard IS NULL AND soft IS NULL AND changed_at_ms < $1",
                REMOVED_LIFE_MS,
            ),
            (
                "DELETE FROM extension_tenant_weight WHERE weight IS NULL AND changed_at_ms < $1",
                REMOVED_LIFE_MS,
            ),
            (
                "DELETE FROM extension_quota_settlement WHERE settled_at_ms < $1",
                ROUND_LIFE_MS,
            ),
        ] {
            let result = sqlx::query(statement)
                .bind(now_ms().saturating_sub(life_ms))
                .execute(&mut *transaction)
                .await?;
            deleted += result.rows_affected();
        }
        transaction.commit().await?;
        Ok(deleted)
    }
}

async fn settle(
    transaction: &mut Transaction,
    tenant: &TenantId,
    settlement: &QuotaSettlement,
) -> Result<(), StoreError> {
    let window = &settlement.window;
    sqlx::query(
        "INSERT INTO extension_quota_usage (tenant_id, install_id, meter, period, starts_at_ms, used, leased, last_lease) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0) \
         ON CONFLICT (tenant_id, install_id, meter, period, starts_at_ms) DO UPDATE SET \
         used = extension_quota_usage.used + $6, \
         leased = CASE WHEN extension_quota_usage.leased + $8 > 0 THEN extension_quota_usage.leased + $8 ELSE 0 END",
    )
    .bind(tenant.as_str())
    .bind(install_of(window.install.as_ref()))
    .bind(window.meter.as_str())
    .bind(window.period.as_str())
    .bind(window.starts_at_ms)
    .bind(settlement.used)
    .bind(settlement.leased.max(0))
    .bind(settlement.leased)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read_install(row: &AnyRow) -> Result<Option<InstallId>, StoreError> {
    let install: String = row.try_get("install_id")?;
    let install = (install != WHOLE_TENANT).then_some(install);
    install.map(|id| id.parse()).transpose().map_err(StoreError::row)
}

fn read_quota(row: &AnyRow) -> Result<Quota, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(Quota {
        tenant: text("tenant_id")?.parse().map_err(StoreError::row)?,
        install: read_install(row)?,
        meter: text("meter")?.parse().map_err(StoreError::row)?,
        period: text("period")?.parse().map_err(StoreError::row)?,
        hard: row.try_get("hard")?,
        soft: row.try_get("soft")?,
    })
}

fn read_usage(row: &AnyRow) -> Result<QuotaUsageRow, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(QuotaUsageRow {
        window: QuotaWindow {
            install: read_install(row)?,
            meter: text("meter")?.parse().map_err(StoreError::row)?,
            period: text("period")?.parse().map_err(StoreError::row)?,
            starts_at_ms: row.try_get("starts_at_ms")?,
        },
        used: row.try_get("used")?,
        leased: row.try_get("leased")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn database() -> (Database, TenantId, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        (database, "acme".parse().unwrap(), directory)
    }

    fn window(install: Option<&str>, period: Period, starts_at_ms: i64) -> QuotaWindow {
        QuotaWindow {
            install: install.map(|install| install.parse().unwrap()),
            meter: Meter::Requests,
            period,
            starts_at_ms,
        }
    }

    #[tokio::test]
    async fn leases_of_one_period_never_exceed_its_limit() {
        let (database, tenant, _directory) = database().await;
        let window = window(None, Period::Minute, 60_000);
        let lease = async |hard, wanted| {
            database
                .lease_quota(&tenant, &window, hard, wanted)
                .await
                .unwrap()
                .granted
        };
        assert_eq!(lease(100, 70).await, 70);
        assert_eq!(lease(100, 70).await, 30);
        assert_eq!(lease(100, 1).await, 0);
        // Returned credit can be leased again; a lower limit leases nothing back.
        let returned = QuotaSettlement {
            window: window.clone(),
            used: 0,
            leased: -10,
        };
        database.settle_quotas(&tenant, ("one", 1), &[returned]).await.unwrap();
        assert_eq!(lease(50, 1).await, 0);
        assert_eq!(lease(100, 20).await, 10);
        assert_eq!(lease(i64::MAX, 5).await, 5);
        let next = QuotaWindow {
            starts_at_ms: 120_000,
            ..window.clone()
        };
        assert_eq!(
            database.lease_quota(&tenant, &next, 3, 7).await.unwrap(),
            QuotaLease { granted: 3, total: 3 }
        );
        let other = "globex".parse().unwrap();
        assert_eq!(database.lease_quota(&other, &window, 3, 2).await.unwrap().granted, 2);
    }

    #[tokio::test]
    async fn usage_is_added_up_by_install_and_deleted_when_it_is_old() {
        let (database, tenant, _directory) = database().await;
        let now = now_ms();
        let used = |install, period, starts_at_ms| QuotaSettlement {
            window: window(Some(install), period, starts_at_ms),
            used: 5,
            leased: 0,
        };
        let settlements = [
            used("i-1", Period::Day, now),
            used("i-2", Period::Day, now),
            used("i-1", Period::Day, now),
            used("i-1", Period::Day, now - DAY_LIFE_MS - 1),
            used("i-1", Period::Minute, now - MINUTE_LIFE_MS - 1),
        ];
        // The second time, its confirmation was lost; the third one is of another process.
        for (writer, round) in [("one", 7), ("one", 7), ("two", 7)] {
            database
                .settle_quotas(&tenant, (writer, round), &settlements)
                .await
                .unwrap();
        }
        let usage = database.quota_usage(&tenant, Period::Day, now).await.unwrap();
        let usage: Vec<_> = usage
            .iter()
            .map(|row| (row.window.install.as_ref().unwrap().as_str(), row.used))
            .collect();
        assert_eq!(usage, [("i-1", 20), ("i-2", 10)]);
        assert_eq!(database.sweep_quotas().await.unwrap(), 2);
        assert_eq!(database.quota_usage(&tenant, Period::Day, now).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_removed_quota_is_a_change_and_not_in_the_list() {
        let (database, tenant, _directory) = database().await;
        let before = now_ms();
        let quota = Quota {
            tenant: tenant.clone(),
            install: Some("i-1".parse().unwrap()),
            meter: Meter::CpuUs,
            period: Period::Day,
            hard: Some(7),
            soft: None,
        };
        database.set_quota(&quota).await.unwrap();
        let [stored] = &database.quotas(&tenant).await.unwrap()[..] else {
            panic!("one quota")
        };
        assert_eq!(*stored, quota);
        database.set_quota(&Quota { hard: None, ..quota }).await.unwrap();
        assert!(database.quotas(&tenant).await.unwrap().is_empty());
        let changed = database.quotas_changed_since(before).await.unwrap();
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].hard, changed[0].soft), (None, None));
        assert!(
            database
                .quotas_changed_since(now_ms() + 1_000)
                .await
                .unwrap()
                .is_empty()
        );
    }
}
