//! Notifications of changes that other processes make, on Postgres. Every change appends to the
//! audit log, which sends one when the transaction is committed.

use crate::{Database, StoreError};
use alga_bundle::TenantId;
use sqlx::postgres::PgListener;
use sqlx::{Any, Transaction};
use std::time::Duration;
use tokio::time::timeout;

/// Channel of the notifications; the payload is the action of the audit log, and a space and the
/// tenant if it concerns one.
const CHANNEL: &str = "alga_changes";

/// Time without a notification after which the connection is checked.
const QUIET: Duration = Duration::from_secs(10);
/// Time for that.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

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
pub struct ChangeListener(PgListener);

impl Database {
    /// Begins to listen, or returns `None` for SQLite, which has no notifications.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if there is no connection.
    pub async fn listen(&self) -> Result<Option<ChangeListener>, StoreError> {
        let Some(url) = &self.postgres_url else {
            return Ok(None);
        };
        let mut listener = PgListener::connect(url).await?;
        // A lost connection is reported, and not replaced in silence.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Some(ChangeListener(listener)))
    }

    /// Sends a notification when the transaction is committed.
    pub(crate) async fn notify(
        &self,
        transaction: &mut Transaction<'_, Any>,
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
    /// Waits for the next change and returns it, or `None` if the connection was lost or
    /// does not respond, so that changes may have been missed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the connection cannot be used any more.
    pub async fn next(&mut self) -> Result<Option<ChangeNotice>, StoreError> {
        loop {
            if let Ok(received) = timeout(QUIET, self.0.try_recv()).await {
                return Ok(received?.map(|notification| ChangeNotice::parse(notification.payload())));
            }
            // A connection that the network has dropped reports nothing by itself.
            let ping = sqlx::query("SELECT 1").execute(&mut self.0);
            if timeout(PING_TIMEOUT, ping).await.map_or(true, |pinged| pinged.is_err()) {
                return Ok(None);
            }
        }
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
