use crate::StoreError;
use sqlx::AnyPool;
use sqlx::SqlSafeStr;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Every migration, oldest first. One that has been released is never changed.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "main path", include_str!("../migrations/0001_main_path.sql"))];

/// Connections to the database. SQLite lets one write at a time; readers do not wait for it.
const CONNECTIONS: u32 = 8;
/// How long a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database, migrated.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: AnyPool,
}

impl Database {
    /// Opens an SQLite file, making it if it is not there.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let options = options.after_connect(|connection, _| {
            Box::pin(async move {
                // An acknowledged write survives the loss of power: FULL syncs the log at every commit.
                for pragma in [
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA synchronous = FULL",
                    "PRAGMA foreign_keys = ON",
                    "PRAGMA busy_timeout = 5000",
                ] {
                    sqlx::query(pragma).execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        let pool = options.connect(&url).await?;
        migrator().run(&pool).await?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Ends all connections, finishing what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn migrator() -> Migrator {
    let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(MIGRATIONS.map(migration).to_vec())
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// An id that sorts by the time it was made (RFC 9562, version 7).
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
