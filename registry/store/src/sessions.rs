//! Sessions of browsers, and the one-time links that begin them.

use crate::audit::Change;
use crate::database::now_ms;
use crate::{Database, StoreError};
use serde_json::json;
use sqlx::Row;
use std::time::Duration;

/// Purpose of a stored secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// It begins a session, once.
    Link,
    /// It is a session.
    Session,
}

impl SessionKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Session => "session",
        }
    }
}

/// A stored session or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Principal, as JSON.
    pub principal: String,
    /// Time after which it is invalid, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

impl Database {
    /// Stores a session or link of this handle's actor.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn create_session(
        &self,
        kind: SessionKind,
        digest: &str,
        principal: &str,
        life: Duration,
    ) -> Result<(), StoreError> {
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO extension_session (digest, kind, actor, principal, expires_at_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(digest)
        .bind(kind.as_str())
        .bind(self.actor.to_string())
        .bind(principal)
        .bind(now_ms().saturating_add(life))
        .execute(&mut *transaction)
        .await?;
        let change = Change {
            action: "session.create",
            tenant: "",
            subject: kind.as_str(),
            details: json!({}),
        };
        self.append_audit(&mut transaction, change).await?;
        Ok(transaction.commit().await?)
    }

    /// Finds a session that has not expired.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn session(&self, digest: &str) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT principal, expires_at_ms FROM extension_session WHERE digest = $1 AND kind = 'session' AND expires_at_ms > $2",
        )
        .bind(digest)
        .bind(now_ms())
        .fetch_optional(&mut *self.connection().await?)
        .await?;
        row.map(|row| {
            Ok(SessionRow {
                principal: row.try_get("principal")?,
                expires_at_ms: row.try_get("expires_at_ms")?,
            })
        })
        .transpose()
    }

    /// Deletes a session or link, and returns it if it had not expired. Of concurrent calls, one
    /// gets it.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn end_session(&self, kind: SessionKind, digest: &str) -> Result<Option<SessionRow>, StoreError> {
        let row = sqlx::query(
            "DELETE FROM extension_session WHERE digest = $1 AND kind = $2 RETURNING principal, expires_at_ms",
        )
        .bind(digest)
        .bind(kind.as_str())
        .fetch_optional(&mut *self.connection().await?)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let ended = SessionRow {
            principal: row.try_get("principal")?,
            expires_at_ms: row.try_get("expires_at_ms")?,
        };
        Ok(Some(ended).filter(|ended| ended.expires_at_ms > now_ms()))
    }

    /// Deletes expired sessions and links, and returns their number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn sweep_sessions(&self) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM extension_session WHERE expires_at_ms <= $1")
            .bind(now_ms())
            .execute(&mut *self.connection().await?)
            .await?;
        Ok(deleted.rows_affected())
    }
}
