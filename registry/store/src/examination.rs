//! Examines a database and an object store for `alga doctor`, without changing what is in them.

use crate::database::{MIGRATION_TABLE, new_id, now_ms, postgres_migrations};
use crate::{BlobStore, StoreError};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutMode, PutPayload};
use sqlx::{AnyConnection, Connection, Row};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Number of statements of which the latency is measured.
const STATEMENTS: usize = 20;
/// Directory of the object that is stored and deleted.
const DIRECTORY: &str = "doctor";

/// State of a Postgres database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseExamination {
    /// Version of the server, as it calls itself.
    pub version: String,
    /// Median duration of a statement that reads nothing.
    pub latency: Duration,
    /// Milliseconds by which its clock is ahead of this machine's; negative if it is behind.
    pub clock_ahead_ms: i64,
    /// True if row-level security applies to the user.
    pub is_bound: bool,
    /// State of the tables.
    pub migrations: Migrations,
}

/// State of the tables of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    /// There are none; the first start creates them.
    Empty,
    /// The next start applies so many.
    Pending(usize),
    /// A newer program has applied this one.
    Newer(i64),
    /// This one has failed halfway.
    Broken(i64),
}

/// Behavior of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectExamination {
    /// Duration of storing and reading a small object.
    pub latency: Duration,
    /// True if a stored object is read as it was written.
    pub is_faithful: bool,
    /// True if creating an object that exists is refused.
    pub refuses_second_creation: bool,
    /// True if a deleted object is no longer read.
    pub deletes: bool,
}

/// Examines a Postgres database at a URL, and does not migrate it.
///
/// # Errors
/// Returns [`StoreError::Database`] if it cannot be reached or a statement fails.
pub async fn examine_postgres(url: &str) -> Result<DatabaseExamination, StoreError> {
    sqlx::any::install_default_drivers();
    // Not a pool: that tries again and hides why it cannot connect.
    let mut connection = AnyConnection::connect(url).await?;
    let row = sqlx::query(
        "SELECT version() AS version, CASE WHEN rolsuper OR rolbypassrls THEN 1 ELSE 0 END AS unbound \
         FROM pg_roles WHERE rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await?;
    let unbound: i32 = row.try_get("unbound")?;
    let examination = DatabaseExamination {
        version: row.try_get("version")?,
        latency: latency(&mut connection).await?,
        clock_ahead_ms: clock_ahead_ms(&mut connection).await?,
        is_bound: unbound == 0,
        migrations: migrations(&mut connection).await?,
    };
    connection.close().await?;
    Ok(examination)
}

async fn latency(connection: &mut AnyConnection) -> Result<Duration, StoreError> {
    let mut durations = Vec::with_capacity(STATEMENTS);
    for _ in 0..STATEMENTS {
        let started = Instant::now();
        sqlx::query("SELECT 1").execute(&mut *connection).await?;
        durations.push(started.elapsed());
    }
    durations.sort_unstable();
    Ok(durations.get(STATEMENTS / 2).copied().unwrap_or_default())
}

/// Compares the database's clock with the middle of the statement that reads it.
async fn clock_ahead_ms(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let before_ms = now_ms();
    let row = sqlx::query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms")
        .fetch_one(&mut *connection)
        .await?;
    let middle_ms = before_ms.midpoint(now_ms());
    let theirs_ms: i64 = row.try_get("now_ms")?;
    Ok(theirs_ms.saturating_sub(middle_ms))
}

async fn migrations(connection: &mut AnyConnection) -> Result<Migrations, StoreError> {
    let exists = sqlx::query("SELECT CAST(to_regclass($1) AS TEXT) AS name")
        .bind(MIGRATION_TABLE)
        .fetch_one(&mut *connection)
        .await?;
    if exists.try_get::<Option<String>, _>("name")?.is_none() {
        return Ok(Migrations::Empty);
    }
    let rows = sqlx::query(
        "SELECT version, CASE WHEN success THEN 1 ELSE 0 END AS success FROM _sqlx_migrations ORDER BY version",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in &rows {
        let (version, success): (i64, i32) = (row.try_get("version")?, row.try_get("success")?);
        if success == 0 {
            return Ok(Migrations::Broken(version));
        }
        if !postgres_migrations().any(|known| known == version) {
            return Ok(Migrations::Newer(version));
        }
        applied.push(version);
    }
    let pending = postgres_migrations().filter(|version| !applied.contains(version));
    Ok(Migrations::Pending(pending.count()))
}

impl BlobStore {
    /// Stores, creates again, reads and deletes an object of a new name, `doctor/<id>`. Returns
    /// `None` if the store has not done so in time.
    ///
    /// # Errors
    /// Returns [`StoreError::Objects`] if the store refuses one of it for another reason than that
    /// the object exists.
    pub async fn examine(&self, patience: Duration) -> Result<Option<ObjectExamination>, StoreError> {
        let path = ObjectPath::from(format!("{DIRECTORY}/{}", new_id()));
        let examined = timeout(patience, self.examine_at(&path)).await;
        // Best effort; the error of the examination is the one that matters.
        if !matches!(examined, Ok(Ok(_))) {
            timeout(patience, self.objects.delete(&path)).await.ok();
        }
        if let Some(directory) = &self.directory {
            tokio::fs::remove_dir(directory.join(DIRECTORY)).await.ok();
        }
        examined.map_or(Ok(None), |examined| examined.map(Some))
    }

    async fn examine_at(&self, path: &ObjectPath) -> Result<ObjectExamination, StoreError> {
        const CONTENT: &[u8] = b"written by `alga doctor`";
        let create = || {
            self.objects
                .put_opts(path, PutPayload::from_static(CONTENT), PutMode::Create.into())
        };
        let started = Instant::now();
        create().await?;
        let is_faithful = self.holds(path, CONTENT).await?;
        let latency = started.elapsed();
        let refuses_second_creation = match create().await {
            Ok(_) => false,
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => true,
            Err(error) => return Err(error.into()),
        };
        self.objects.delete(path).await?;
        Ok(ObjectExamination {
            latency,
            is_faithful,
            refuses_second_creation,
            deletes: self.read(path, CONTENT.len() as u64).await?.is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_has_the_semantics_of_an_object_store_and_nothing_remains() {
        let directory = tempfile::tempdir().unwrap();
        let store = BlobStore::local(directory.path()).unwrap();
        let examined = store.examine(Duration::from_mins(1)).await.unwrap().unwrap();
        assert!(examined.is_faithful && examined.refuses_second_creation && examined.deletes);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
