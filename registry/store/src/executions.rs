//! The execution log: rows per install, bounded in number, bytes and time, so that no guest can
//! fill the database by logging or failing.

use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{Digest, ExecutionId, InstallId, RequestId, TenantId, VersionId};
use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;
use std::time::Duration;

/// Maximum number of entries per install.
const ENTRIES: i64 = 1_000;
/// Maximum total size of an install's entries, in bytes.
const ENTRIES_BYTES: i64 = 16 * 1024 * 1024;
/// Size that an entry counts in addition to its log, in bytes.
const ENTRY_BYTES: i64 = 512;
/// Bytes of logs after which a page of executions ends: a registry has many readers at once.
const PAGE_BYTES: i64 = 1024 * 1024;
/// Reads executions by a filter. A condition of which the value is null holds.
macro_rules! filtered {
    ($install:literal) => {
        concat!(
            "SELECT id, install_id, request_id, version_id, content_hash, ended_at_ms, duration_us, status, code, log, log_dropped, usage, endpoint, size_bytes \
             FROM extension_execution_log WHERE tenant_id = $1 AND id < $2 AND ended_at_ms >= $4 AND ended_at_ms < $5 \
             AND duration_us >= $6 AND duration_us <= $7 AND (CAST($8 AS TEXT) IS NULL OR request_id = $8) \
             AND (CAST($9 AS TEXT) IS NULL OR endpoint = $9) \
             AND (CAST($10 AS BIGINT) IS NULL OR (status >= $10 AND status < $10 + 100)) \
             AND (CAST($11 AS TEXT) IS NULL OR code = $11) AND ",
            $install,
            " ORDER BY id DESC LIMIT $3"
        )
    };
}
/// Two statements, because each has an index: by install, and by tenant.
const OF_INSTALL: &str = filtered!("install_id = $12");
const OF_TENANT: &str = filtered!("CAST($12 AS TEXT) IS NULL");
/// String that sorts after every id: ids consist of digits, lowercase letters and hyphens.
const AFTER_EVERY_ID: &str = "~";

/// An execution that wrote log records, failed, was cancelled or slow, or is a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionRow {
    /// Id of the execution; ids ascend with time.
    pub id: ExecutionId,
    /// Install that was executed.
    pub install_id: InstallId,
    /// Id of the handled request, which the client also received (`x-request-id`).
    pub request_id: RequestId,
    /// Version that ran, if the caller specified one.
    pub version_id: Option<VersionId>,
    /// Content hash of the bundle that ran.
    pub content_hash: Digest,
    /// End of the execution, in milliseconds since 1970.
    pub ended_at_ms: i64,
    /// Duration of the execution, in microseconds.
    pub duration_us: i64,
    /// Method and path of the manifest; `None` if the request matched none, or failed before that
    /// was known.
    pub endpoint: Option<String>,
    /// Resource usage of the execution:
    /// the JSON of `alga_execute::Usage`;
    /// absent in entries written by an older program version.
    pub usage: Option<Value>,
    /// HTTP status of the extension's response, if there was one.
    pub status: Option<i64>,
    /// Error code, if there was no response.
    pub code: Option<String>,
    /// Log records of the execution: `[{source, level, message, fields, is_cut}]`. Untrusted text,
    /// written by the extension.
    pub log: Value,
    /// Number of log records that were dropped.
    pub log_dropped: i64,
}

/// Executions that were read together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExecutionPage {
    /// The executions, newest first.
    pub rows: Vec<ExecutionRow>,
    /// True if there are fewer than were requested because they are large; there may be more.
    pub is_cut: bool,
}

/// The executions of a tenant that are read; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct ExecutionFilter {
    /// Install that was executed.
    pub install: Option<InstallId>,
    /// Request that was handled.
    pub request: Option<RequestId>,
    /// Method and path of the manifest.
    pub endpoint: Option<String>,
    /// Result of the execution.
    pub outcome: Option<ExecutionOutcome>,
    /// First millisecond since 1970 in which it may have ended.
    pub from_ms: Option<i64>,
    /// The millisecond after the last one.
    pub to_ms: Option<i64>,
    /// Shortest duration in microseconds.
    pub min_duration_us: Option<i64>,
    /// Longest duration in microseconds.
    pub max_duration_us: Option<i64>,
}

/// The result of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionOutcome {
    /// A status in the hundred that begins with this one.
    StatusFrom(i64),
    /// This error code.
    Code(String),
}

impl Database {
    /// Stores executions of one tenant's existing installs, and deletes the oldest ones of an
    /// install that exceeds its limits.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails; then none is stored.
    pub async fn store_executions(&self, tenant: &TenantId, rows: &[ExecutionRow]) -> Result<(), StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        let installs: BTreeSet<&InstallId> = rows.iter().map(|row| &row.install_id).collect();
        for install in &installs {
            self.lock_install(&mut transaction, tenant, install).await?;
        }
        for row in rows {
            insert(&mut transaction, tenant, row).await?;
        }
        for install in installs {
            delete_oldest(&mut transaction, tenant, install).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns the executions of a tenant that a filter describes, newest first: so many, or fewer
    /// if they have more than a mebibyte.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn executions(
        &self,
        tenant: &TenantId,
        filter: &ExecutionFilter,
        before: Option<&ExecutionId>,
        limit: u32,
    ) -> Result<ExecutionPage, StoreError> {
        let mut reader = self.read_as(tenant).await?;
        let (status, code) = match &filter.outcome {
            Some(ExecutionOutcome::StatusFrom(status)) => (Some(*status), None),
            Some(ExecutionOutcome::Code(code)) => (None, Some(code.as_str())),
            None => (None, None),
        };
        let statement = match filter.install {
            Some(_) => OF_INSTALL,
            None => OF_TENANT,
        };
        let mut found = sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(before.map_or(AFTER_EVERY_ID, ExecutionId::as_str))
            .bind(i64::from(limit))
            .bind(filter.from_ms.unwrap_or(i64::MIN))
            .bind(filter.to_ms.unwrap_or(i64::MAX))
            .bind(filter.min_duration_us.unwrap_or(i64::MIN))
            .bind(filter.max_duration_us.unwrap_or(i64::MAX))
            .bind(filter.request.as_ref().map(RequestId::as_str))
            .bind(filter.endpoint.as_deref())
            .bind(status)
            .bind(code)
            .bind(filter.install.as_ref().map(InstallId::as_str))
            .fetch(reader.connection());
        let (mut page, mut bytes) = (ExecutionPage::default(), 0);
        while let Some(row) = found.try_next().await? {
            bytes += row.try_get::<i64, _>("size_bytes")?;
            page.rows.push(read(&row)?);
            if bytes > PAGE_BYTES {
                page.is_cut = true;
                break;
            }
        }
        Ok(page)
    }

    /// Deletes executions that ended before so long and returns their number. A failure for one
    /// tenant does not affect the others.
    ///
    /// # Errors
    /// Returns the last tenant's [`StoreError`] after all tenants were tried; the next sweep
    /// retries.
    pub async fn sweep_executions(&self, life: Duration) -> Result<u64, StoreError> {
        let (mut swept, mut failure) = (0, None);
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let end_ms = now_ms().saturating_sub(life_ms);
        for tenant in self.tenants().await? {
            match self.sweep_executions_of(&tenant, end_ms).await {
                Ok(executions) => swept += executions,
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(swept), Err)
    }

    async fn sweep_executions_of(&self, tenant: &TenantId, end_ms: i64) -> Result<u64, StoreError> {
        let mut transaction = self.begin_as(tenant).await?;
        let result = sqlx::query("DELETE FROM extension_execution_log WHERE tenant_id = $1 AND ended_at_ms < $2")
            .bind(tenant.as_str())
            .bind(end_ms)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(result.rows_affected())
    }
}

async fn insert(transaction: &mut Transaction, tenant: &TenantId, row: &ExecutionRow) -> Result<(), StoreError> {
    let log = row.log.to_string();
    let size = ENTRY_BYTES.saturating_add(i64::try_from(log.len()).unwrap_or(i64::MAX));
    sqlx::query(
        "INSERT INTO extension_execution_log (id, tenant_id, install_id, request_id, version_id, content_hash, ended_at_ms, duration_us, \
         status, code, log, log_dropped, size_bytes, usage, endpoint) SELECT $1, $2, $3, $4, CAST($5 AS TEXT), $6, $7, $8, CAST($9 AS BIGINT), CAST($10 AS TEXT), $11, $12, $13, CAST($14 AS TEXT), CAST($15 AS TEXT) \
         WHERE EXISTS (SELECT 1 FROM tenant_extension_install WHERE tenant_id = $2 AND id = $3)",
    )
    .bind(row.id.as_str())
    .bind(tenant.as_str())
    .bind(row.install_id.as_str())
    .bind(row.request_id.as_str())
    .bind(row.version_id.as_ref().map(VersionId::as_str))
    .bind(row.content_hash.to_string())
    .bind(row.ended_at_ms)
    .bind(row.duration_us)
    .bind(row.status)
    .bind(row.code.as_deref())
    .bind(log)
    .bind(row.log_dropped)
    .bind(size)
    .bind(row.usage.as_ref().map(ToString::to_string))
    .bind(row.endpoint.as_deref())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn delete_oldest(
    transaction: &mut Transaction,
    tenant: &TenantId,
    install: &InstallId,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM extension_execution_log WHERE tenant_id = $1 AND install_id = $2 AND id IN (SELECT id FROM (\
         SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS place, SUM(size_bytes) OVER (ORDER BY id DESC) AS bytes_to_here \
         FROM extension_execution_log WHERE tenant_id = $1 AND install_id = $2) AS counted WHERE place > $3 OR bytes_to_here > $4)",
    )
    .bind(tenant.as_str())
    .bind(install.as_str())
    .bind(ENTRIES)
    .bind(ENTRIES_BYTES)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<ExecutionRow, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let version: Option<String> = row.try_get("version_id")?;
    Ok(ExecutionRow {
        id: text("id")?.parse().map_err(StoreError::row)?,
        install_id: text("install_id")?.parse().map_err(StoreError::row)?,
        request_id: text("request_id")?.parse().map_err(StoreError::row)?,
        version_id: version.map(|id| id.parse()).transpose().map_err(StoreError::row)?,
        content_hash: text("content_hash")?.parse().map_err(StoreError::row)?,
        usage: row
            .try_get::<Option<String>, _>("usage")?
            .map(|usage| serde_json::from_str(&usage).map_err(StoreError::row))
            .transpose()?,
        ended_at_ms: row.try_get("ended_at_ms")?,
        duration_us: row.try_get("duration_us")?,
        endpoint: row.try_get("endpoint")?,
        status: row.try_get("status")?,
        code: row.try_get("code")?,
        log: serde_json::from_str(&text("log")?).map_err(StoreError::row)?,
        log_dropped: row.try_get("log_dropped")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(number: i64, install: &str, log: Value) -> ExecutionRow {
        ExecutionRow {
            id: format!("{number:08}").parse().unwrap(),
            install_id: install.parse().unwrap(),
            request_id: RequestId::unique(),
            version_id: Some("v-1".parse().unwrap()),
            content_hash: Digest::of(b"bundle"),
            ended_at_ms: now_ms(),
            duration_us: number,
            endpoint: (number % 2 == 0).then(|| "GET /a".to_owned()),
            usage: (number % 2 == 0).then(|| json!({"cpu_us": number, "cold": false})),
            status: (number % 2 == 0).then_some(200),
            code: (number % 2 == 1).then(|| "guest_trapped".to_owned()),
            log,
            log_dropped: number,
        }
    }

    fn of(install: &InstallId) -> ExecutionFilter {
        ExecutionFilter {
            install: Some(install.clone()),
            ..Default::default()
        }
    }

    async fn database() -> (Database, TenantId, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        for statement in [
            "INSERT INTO extension_registry (id, name, publisher, created_at_ms) VALUES ('e', 'com.example.a', 'example', 1)",
            "INSERT INTO extension_bundle (content_hash, size_bytes, created_at_ms) VALUES ('sha256:00', 1, 1)",
            "INSERT INTO extension_version (id, extension_id, version, content_hash, manifest, capability_proof, signing_key, status, published_at_ms) \
             VALUES ('v', 'e', '1.0.0', 'sha256:00', '{}', '{}', 'key', 'published', 1)",
        ] {
            sqlx::query(statement).execute(&database.pool).await.unwrap();
        }
        for (number, install) in ["i-1", "quiet", "many", "large"].iter().enumerate() {
            let extension = format!("e-{number}");
            for statement in [
                "INSERT INTO extension_registry (id, name, publisher, created_at_ms) VALUES ($1, $1, 'example', 1)",
                "INSERT INTO tenant_extension_install (id, tenant_id, extension_id, version_id, status, grants, created_at_ms, updated_at_ms) \
                 VALUES ($2, 'acme', $1, 'v', 'enabled', '[]', 1, 1)",
            ] {
                let mut query = sqlx::query(statement).bind(&extension);
                if statement.contains("$2") {
                    query = query.bind(*install);
                }
                query.execute(&database.pool).await.unwrap();
            }
        }
        (database, "acme".parse().unwrap(), directory)
    }

    #[tokio::test]
    async fn execution_records_are_read_newest_first_only_by_their_tenant() {
        let (database, tenant, _directory) = database().await;
        let install: InstallId = "i-1".parse().unwrap();
        let rows = [
            row(1, "i-1", json!([{ "message": "a\u{1}" }])),
            row(2, "i-1", json!([])),
        ];
        database.store_executions(&tenant, &rows).await.unwrap();
        let read = database
            .executions(&tenant, &of(&install), None, 10)
            .await
            .unwrap()
            .rows;
        assert_eq!(read, [rows[1].clone(), rows[0].clone()]);
        let older = database
            .executions(&tenant, &of(&install), Some(&rows[1].id), 10)
            .await
            .unwrap()
            .rows;
        assert_eq!(older, [rows[0].clone()]);
        let other = "other".parse().unwrap();
        let of_other = database.executions(&other, &of(&install), None, 10).await.unwrap();
        assert_eq!(of_other, ExecutionPage::default());
    }

    #[tokio::test]
    async fn an_install_with_too_many_records_evicts_only_its_own_oldest_ones() {
        let (database, tenant, _directory) = database().await;
        database
            .store_executions(&tenant, &[row(1, "quiet", json!([]))])
            .await
            .unwrap();
        let many: Vec<_> = (1..=1_200).map(|number| row(number + 10, "many", json!([]))).collect();
        database.store_executions(&tenant, &many).await.unwrap();
        let large = json!([{ "message": "x".repeat(1024 * 1024) }]);
        let large: Vec<_> = (1..=20)
            .map(|number| row(number + 5_000, "large", large.clone()))
            .collect();
        database.store_executions(&tenant, &large).await.unwrap();
        for (install, stored, newest, pages) in [
            ("quiet", 1, "00000001", 1),
            ("many", 1_000, "00001210", 1),
            ("large", 15, "00005020", 15),
        ] {
            let (mut read, mut number) = (Vec::new(), 0);
            loop {
                let before = read.last().map(|row: &ExecutionRow| row.id.clone());
                let filter = of(&install.parse().unwrap());
                let page = database
                    .executions(&tenant, &filter, before.as_ref(), 2_000)
                    .await
                    .unwrap();
                number += usize::from(!page.rows.is_empty());
                read.extend(page.rows);
                if !page.is_cut {
                    break;
                }
            }
            assert_eq!(
                (read.len(), read[0].id.as_str(), number),
                (stored, newest, pages),
                "{install}"
            );
        }
    }

    #[tokio::test]
    async fn execution_records_are_deleted_after_their_time() {
        let (database, tenant, _directory) = database().await;
        let old = ExecutionRow {
            ended_at_ms: now_ms() - 60_001,
            ..row(1, "i-1", json!([]))
        };
        database
            .store_executions(&tenant, &[old, row(2, "i-1", json!([]))])
            .await
            .unwrap();
        assert_eq!(database.sweep_executions(Duration::from_mins(1)).await.unwrap(), 1);
        let read = database
            .executions(&tenant, &of(&"i-1".parse().unwrap()), None, 10)
            .await
            .unwrap();
        assert_eq!(read.rows.len(), 1);
    }
}
