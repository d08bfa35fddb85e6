use crate::StoreError;
use crate::connection::{PooledConnection, Transaction};
use alga_bundle::{InstallId, TenantId};
use alga_metrics::Latency;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, Connection, Row, SqlSafeStr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// All common migrations, oldest first. A released migration is never changed; each one preserves
/// everything that the previous program version needs, so that old and new programs work side by
/// side while a fleet is upgraded.
const MIGRATIONS: [(i64, &str, &str); 19] = [
    (1, "main path", include_str!("../migrations/0001_main_path.sql")),
    (2, "lifecycle", include_str!("../migrations/0002_lifecycle.sql")),
    (3, "pages", include_str!("../migrations/0003_pages.sql")),
    (4, "trust", include_str!("../migrations/0004_trust.sql")),
    (5, "claims", include_str!("../migrations/0005_claims.sql")),
    (6, "install terms", include_str!("../migrations/0006_install_terms.sql")),
    (7, "sweeping", include_str!("../migrations/0007_sweeping.sql")),
    (8, "execution log", include_str!("../migrations/0008_execution_log.sql")),
    (
        9,
        "execution usage",
        include_str!("../migrations/0009_execution_usage.sql"),
    ),
    (10, "API keys", include_str!("../migrations/0010_api_keys.sql")),
    (
        11,
        "held versions",
        include_str!("../migrations/0011_held_versions.sql"),
    ),
    (12, "idempotency", include_str!("../migrations/0012_idempotency.sql")),
    (13, "sessions", include_str!("../migrations/0013_sessions.sql")),
    (14, "quotas", include_str!("../migrations/0014_quotas.sql")),
    (
        15,
        "tenant weights",
        include_str!("../migrations/0015_tenant_weights.sql"),
    ),
    (
        16,
        "execution minutes",
        include_str!("../migrations/0016_execution_minutes.sql"),
    ),
    (17, "crashes", include_str!("../migrations/0017_crashes.sql")),
    (18, "settlements", include_str!("../migrations/0018_settlements.sql")),
    (
        19,
        "execution endpoint",
        include_str!("../migrations/0019_execution_endpoint.sql"),
    ),
];

/// Migrations for Postgres only, such as row-level security policies. Their separate number range
/// lets both lists grow.
const POSTGRES_MIGRATIONS: [(i64, &str, &str); 10] = [
    (
        100_001,
        "row-level security",
        include_str!("../migrations/postgres/100001_row_level_security.sql"),
    ),
    (
        100_002,
        "append-only",
        include_str!("../migrations/postgres/100002_append_only.sql"),
    ),
    (
        100_003,
        "row-level security of secrets",
        include_str!("../migrations/postgres/100003_secrets_row_level_security.sql"),
    ),
    (
        100_004,
        "row-level security of the execution log",
        include_str!("../migrations/postgres/100004_execution_log_row_level_security.sql"),
    ),
    (
        100_005,
        "row-level security of API keys",
        include_str!("../migrations/postgres/100005_api_keys_row_level_security.sql"),
    ),
    (
        100_006,
        "row-level security of idempotency keys",
        include_str!("../migrations/postgres/100006_idempotency_row_level_security.sql"),
    ),
    (
        100_007,
        "row-level security of quotas",
        include_str!("../migrations/postgres/100007_quotas_row_level_security.sql"),
    ),
    (
        100_008,
        "row-level security of tenant weights",
        include_str!("../migrations/postgres/100008_tenant_weights_row_level_security.sql"),
    ),
    (
        100_009,
        "row-level security of execution minutes",
        include_str!("../migrations/postgres/100009_execution_minutes_row_level_security.sql"),
    ),
    (
        100_010,
        "row-level security of settlements",
        include_str!("../migrations/postgres/100010_settlements_row_level_security.sql"),
    ),
];

/// Migrations for SQLite only, where its SQL differs.
const SQLITE_MIGRATIONS: [(i64, &str, &str); 1] = [(
    200_001,
    "append-only",
    include_str!("../migrations/sqlite/200001_append_only.sql"),
)];

/// Maximum number of database connections. SQLite allows one writer at a time, and readers do not
/// wait for it.
const CONNECTIONS: u32 = 8;
/// Time for which a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for which a migration waits for a table: requests that need it wait behind it.
const MIGRATION_LOCKS: &str = "SET lock_timeout = '5s'";

/// Actor of changes that the platform makes by itself.
const PLATFORM_ACTOR: &str = "platform";
/// Setting of `alga.tenant` for work across tenants; no tenant has this name.
const ALL_TENANTS: &str = "*";

/// Database engine behind the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// Connection pool of the migrated database.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: AnyPool,
    kind: Kind,
    /// Name in the audit log of the party that makes changes through this handle.
    pub(crate) actor: Arc<str>,
    /// URL of a Postgres database, for a connection of its own.
    pub(crate) postgres_url: Option<Arc<str>>,
    latency: Latency,
}

impl Database {
    /// Opens an SQLite file, creating it if it does not exist.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if it cannot be opened, or [`StoreError::Migration`] if it
    /// cannot be migrated.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        let url = format!("sqlite://{}?mode=rwc", path.display());
        // An acknowledged write survives a power loss: FULL syncs the WAL at every commit.
        const PRAGMAS: &[&str] = &[
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            "PRAGMA busy_timeout = 5000",
            // A confined process has no directory for temporary files.
            "PRAGMA temp_store = MEMORY",
        ];
        let migrations: Vec<_> = MIGRATIONS.iter().chain(&SQLITE_MIGRATIONS).copied().collect();
        Self::open(Kind::Sqlite, &url, PRAGMAS, &migrations).await
    }

    /// Opens a Postgres database at `postgres://user@host/database`, or through a local socket with
    /// `?host=/directory`.
    ///
    /// Row-level security must apply to the user: neither a superuser nor a role with BYPASSRLS.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if it cannot be opened, [`StoreError::Migration`] if it
    /// cannot be migrated, or [`StoreError::Unbound`] if row-level security does not apply to the
    /// user.
    pub async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        // No request waits longer than these timeouts, so a longer statement would be useless.
        const SETTINGS: &[&str] = &["SET statement_timeout = '30s'", "SET lock_timeout = '5s'"];
        let migrations: Vec<_> = MIGRATIONS.iter().chain(&POSTGRES_MIGRATIONS).copied().collect();
        let database = Self::open(Kind::Postgres, url, SETTINGS, &migrations).await?;
        database.is_bound_by_policies().await?;
        Ok(database)
    }

    async fn open(
        kind: Kind,
        url: &str,
        settings: &'static [&'static str],
        migrations: &[(i64, &'static str, &'static str)],
    ) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let options = options.after_connect(move |connection, _| {
            Box::pin(async move {
                for setting in settings {
                    sqlx::query(*setting).execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        let options =
            options.after_release(move |connection, _| Box::pin(async move { Ok(is_clean(kind, connection).await) }));
        let pool = options.connect(url).await?;
        match kind {
            Kind::Sqlite => migrator(migrations).run(&pool).await?,
            // A connection of its own: a statement that creates an index of a large table may last.
            Kind::Postgres => {
                let mut connection = AnyConnection::connect(url).await?;
                sqlx::query(MIGRATION_LOCKS).execute(&mut connection).await?;
                migrator(migrations).run(&mut connection).await?;
                connection.close().await?;
            }
        }
        let actor = PLATFORM_ACTOR.into();
        let postgres_url = (kind == Kind::Postgres).then(|| url.into());
        Ok(Self {
            pool,
            kind,
            actor,
            postgres_url,
            latency: Latency::default(),
        })
    }

    /// Returns the durations of transactions and of single statements, each with its wait for a
    /// connection. Failed are those that could not begin or commit: a statement may also fail for a
    /// reason of its caller.
    #[must_use]
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Returns the numbers of connections: of all, and of idle ones.
    #[must_use]
    pub fn connections(&self) -> [usize; 2] {
        [self.pool.size() as usize, self.pool.num_idle()]
    }

    /// Returns a handle of the same pool whose changes are recorded in the audit log as made by
    /// `actor`.
    #[must_use]
    pub fn as_actor(&self, actor: &str) -> Self {
        Self {
            actor: actor.into(),
            ..self.clone()
        }
    }

    async fn is_bound_by_policies(&self) -> Result<(), StoreError> {
        let row = sqlx::query(
            "SELECT CASE WHEN rolsuper OR rolbypassrls THEN 1 ELSE 0 END AS unbound FROM pg_roles WHERE rolname = current_user",
        )
        .fetch_one(&self.pool)
        .await?;
        let unbound: i32 = row.try_get("unbound")?;
        if unbound == 0 { Ok(()) } else { Err(StoreError::Unbound) }
    }

    /// Begins a transaction limited to this tenant's rows. Every statement names the tenant as
    /// well; on Postgres, one without the tenant would still see no other tenant's rows.
    pub(crate) async fn begin_as(&self, tenant: &TenantId) -> Result<Transaction, StoreError> {
        self.begin_with(tenant.as_str()).await
    }

    /// Begins a transaction that is not limited to one tenant's rows.
    pub(crate) async fn begin_across_tenants(&self) -> Result<Transaction, StoreError> {
        self.begin_with(ALL_TENANTS).await
    }

    async fn begin_with(&self, setting: &str) -> Result<Transaction, StoreError> {
        let mut transaction = self.begin().await?;
        if self.kind == Kind::Postgres {
            let set = sqlx::query("SELECT set_config('alga.tenant', $1, true)").bind(setting);
            if let Err(error) = set.execute(&mut *transaction).await {
                transaction.fail();
                return Err(error.into());
            }
        }
        Ok(transaction)
    }

    /// Begins a transaction of tables that have no rows of tenants.
    pub(crate) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        let started = Instant::now();
        let begun = self
            .pool
            .begin()
            .await
            .inspect_err(|_| self.latency.observe(started, false));
        Ok(Transaction::new(begun?, self.latency.running(started)))
    }

    /// Acquires a connection for statements that need no transaction.
    pub(crate) async fn connection(&self) -> Result<PooledConnection, sqlx::Error> {
        let started = Instant::now();
        let acquired = self
            .pool
            .acquire()
            .await
            .inspect_err(|_| self.latency.observe(started, false));
        Ok(PooledConnection::new(acquired?, self.latency.running(started)))
    }

    /// Acquires a connection for reading this tenant's rows. SQLite needs no transaction for it.
    pub(crate) async fn read_as(&self, tenant: &TenantId) -> Result<Reader, StoreError> {
        match self.kind {
            Kind::Sqlite => Ok(Reader::Connection(self.connection().await?)),
            Kind::Postgres => Ok(Reader::Transaction(self.begin_as(tenant).await?)),
        }
    }

    /// Acquires the lock of this name until the transaction ends, waiting for other transactions
    /// that hold it. SQLite needs no lock, because it has a single writer.
    pub(crate) async fn wait_for_turn(&self, transaction: &mut Transaction, name: &str) -> Result<(), StoreError> {
        if self.kind == Kind::Postgres {
            sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS TEXT)")
                .bind(name)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Locks an install, if it exists, against deletion until the transaction ends. SQLite needs no
    /// lock, because it has a single writer.
    pub(crate) async fn lock_install(
        &self,
        transaction: &mut Transaction,
        tenant: &TenantId,
        install: &InstallId,
    ) -> Result<(), StoreError> {
        if self.kind == Kind::Postgres {
            sqlx::query("SELECT id FROM tenant_extension_install WHERE tenant_id = $1 AND id = $2 FOR SHARE")
                .bind(tenant.as_str())
                .bind(install.as_str())
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Returns all tenants that have an install, for maintenance that runs tenant by tenant.
    pub(crate) async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut transaction = self.begin_across_tenants().await?;
        let rows = sqlx::query("SELECT DISTINCT tenant_id FROM tenant_extension_install ORDER BY tenant_id")
            .fetch_all(&mut *transaction)
            .await?;
        let tenant = |row: &sqlx::any::AnyRow| row.try_get::<String, _>("tenant_id")?.parse().map_err(StoreError::row);
        rows.iter().map(tenant).collect()
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Closes all connections after the running statements have finished.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Reports whether a connection can be used again: no transaction is open on it.
///
/// SQLite ends a transaction by itself if the disk is full or fails. sqlx does not learn of it, so
/// that the next one is a nested one for it: `ROLLBACK TO` would leave it open with its lock, and
/// no other connection could write.
async fn is_clean(kind: Kind, connection: &mut AnyConnection) -> bool {
    // Fails if no transaction is open.
    kind == Kind::Postgres || sqlx::query("ROLLBACK").execute(connection).await.is_err()
}

/// Connection for reading one tenant's rows. Dropping it ends the transaction.
pub(crate) enum Reader {
    Connection(PooledConnection),
    Transaction(Transaction),
}

impl Reader {
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// Table in which sqlx records the migrations that were applied.
pub(crate) const MIGRATION_TABLE: &str = "_sqlx_migrations";

/// Returns the versions of all migrations of a Postgres database.
pub(crate) fn postgres_migrations() -> impl Iterator<Item = i64> {
    MIGRATIONS
        .iter()
        .chain(&POSTGRES_MIGRATIONS)
        .map(|(version, ..)| *version)
}

fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, description, sql): &(i64, &'static str, &'static str)| {
        Migration::new(
            *version,
            (*description).into(),
            MigrationType::Simple,
            (*sql).into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Generates an id that sorts by its creation time (UUID version 7, RFC 9562).
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests;
