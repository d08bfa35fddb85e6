//! Notifications of changes that other processes make. Every change appends to the audit log:
//! Postgres sends a notification when the transaction is committed, and the log of SQLite is read
//! every second.

use crate::connection::Transaction;
use crate::{Database, StoreError};
use alga_bundle::TenantId;
use sqlx::Row;
use sqlx::postgres::PgListener;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Channel of the notifications; the payload is the action of the audit log, and a space and the
/// tenant if it concerns one.
const CHANNEL: &str = "alga_changes";

/// Time without a notification after which the connection is checked.
const QUIET: Duration = Duration::from_secs(10);
/// Time for that, and for reading the log.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of reading the log of SQLite.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// Entries of the log that are read at once.
const ENTRIES: i64 = 100;

/// A change that a process made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeNotice {
    /// Action of the audit log.
    pub action: String,
    /// Tenant that it concerns; `None` if it may concern all.
    pub tenant: Option<TenantId>,
}

impl ChangeNotice {
    fn parse(payload: &str) -> Self {
        let (action, tenant) = payload.split_once(' ').unwrap_or((payload, ""));
        Self {
            action: action.to_owned(),
            tenant: tenant.parse().ok(),
        }
    }
}

/// Receives the changes of all processes.
pub struct ChangeListener(Source);

enum Source {
    Notifications(PgListener),
    Log(ReadLog),
}

/// The audit log, as far as it was read.
struct ReadLog {
    database: Database,
    sequence: i64,
    unread: VecDeque<ChangeNotice>,
}

impl Database {
    /// Begins to listen.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if there is no connection.
    pub async fn listen(&self) -> Result<ChangeListener, StoreError> {
        let Some(url) = &self.postgres_url else {
            let last = sqlx::query("SELECT COALESCE(MAX(sequence), 0) FROM extension_audit_log");
            let log = ReadLog {
                database: self.clone(),
                sequence: last.fetch_one(&mut *self.connection().await?).await?.try_get(0)?,
                unread: VecDeque::new(),
            };
            return Ok(ChangeListener(Source::Log(log)));
        };
        let mut listener = PgListener::connect(url).await?;
        // A lost connection is reported, and not replaced in silence.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(ChangeListener(Source::Notifications(listener)))
    }

    /// Sends a notification when the transaction is committed.
    pub(crate) async fn notify(
        &self,
        transaction: &mut Transaction,
        action: &str,
        tenant: &str,
    ) -> Result<(), StoreError> {
        if self.postgres_url.is_some() {
            sqlx::query("SELECT CAST(pg_notify($1, $2) AS TEXT)")
                .bind(CHANNEL)
                .bind(format!("{action} {tenant}").trim_end())
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }
}

impl ChangeListener {
    /// Waits for the next change and returns it, or `None` if the database does not respond, so
    /// that changes may have been missed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the connection cannot be used any more.
    pub async fn next(&mut self) -> Result<Option<ChangeNotice>, StoreError> {
        match &mut self.0 {
            Source::Notifications(listener) => notified(listener).await,
            Source::Log(log) => log.next().await,
        }
    }
}

async fn notified(listener: &mut PgListener) -> Result<Option<ChangeNotice>, StoreError> {
    loop {
        if let Ok(received) = timeout(QUIET, listener.try_recv()).await {
            return Ok(received?.map(|notification| ChangeNotice::parse(notification.payload())));
        }
        // A connection that the network has dropped reports nothing by itself.
        let ping = sqlx::query("SELECT 1").execute(&mut *listener);
        if timeout(PING_TIMEOUT, ping).await.map_or(true, |pinged| pinged.is_err()) {
            return Ok(None);
        }
    }
}

impl ReadLog {
    async fn next(&mut self) -> Result<Option<ChangeNotice>, StoreError> {
        loop {
            if let Some(notice) = self.unread.pop_front() {
                return Ok(Some(notice));
            }
            sleep(READ_INTERVAL).await;
            match timeout(PING_TIMEOUT, self.read()).await {
                Ok(read) => read?,
                Err(_) => return Ok(None),
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let entries = sqlx::query(
            "SELECT sequence, action, tenant FROM extension_audit_log WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(self.sequence)
        .bind(ENTRIES)
        .fetch_all(&mut *self.database.connection().await?)
        .await?;
        for entry in entries {
            self.sequence = entry.try_get("sequence")?;
            let tenant: String = entry.try_get("tenant")?;
            self.unread.push_back(ChangeNotice {
                action: entry.try_get("action")?,
                tenant: tenant.parse().ok(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_tenant_that_it_concerns() {
        let of = |payload| {
            let ChangeNotice { action, tenant } = ChangeNotice::parse(payload);
            (action, tenant.map(|tenant| tenant.to_string()))
        };
        assert_eq!(of("install.terms acme"), ("install.terms".into(), Some("acme".into())));
        // As older processes write all, and this one those without a tenant.
        assert_eq!(of("version.revoke"), ("version.revoke".into(), None));
        assert_eq!(of("version.revoke not a tenant"), ("version.revoke".into(), None));
    }
}
