use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::Digest;
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Number of entries that are read per query.
const PAGE: u32 = 500;

/// A change to record in the audit log, in the same transaction that makes it.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// Action that was performed: `version.publish`, `install.upgrade`, ….
    pub(crate) action: &'static str,
    /// Tenant that the change concerns; empty if it concerns none.
    pub(crate) tenant: &'a str,
    /// Changed object, by id or name.
    pub(crate) subject: &'a str,
    /// New values of the changed object.
    pub(crate) details: Value,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Consecutive number of the entry, from 1, so that a missing one is detected.
    pub sequence: i64,
    /// Time of the change, in milliseconds since 1970.
    pub at_ms: i64,
    /// Actor that made the change.
    pub actor: String,
    /// Action that was performed.
    pub action: String,
    /// Tenant that the change concerns; empty if it concerns none.
    pub tenant: String,
    /// Changed object, by id or name.
    pub subject: String,
    /// New values of the changed object, as JSON.
    pub details: String,
    /// SHA-256 of this entry and the previous entry's hash.
    pub hash: String,
}

/// Result of verifying the audit log's hash chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChain {
    /// Number of consecutive entries, from the first, whose hashes are correct.
    pub entries: i64,
    /// Hash of the last correct entry. A copy stored elsewhere proves later that the log was not
    /// truncated.
    pub head: String,
    /// Sequence number of the first missing or altered entry, if any.
    pub broken_at: Option<i64>,
}

impl AuditRow {
    /// Computes the hash that this entry must have after `previous`. It covers a JSON array, so no
    /// two different entries have the same encoding.
    fn hash_after(&self, previous: &str) -> String {
        let Self {
            sequence,
            at_ms,
            actor,
            action,
            tenant,
            subject,
            details,
            hash: _,
        } = self;
        let covered = serde_json::json!([sequence, at_ms, actor, action, tenant, subject, details, previous]);
        Digest::of(covered.to_string().as_bytes()).to_hex()
    }
}

impl Database {
    /// Appends an entry with this handle's actor to the audit log. Call it as late as possible in a
    /// transaction: it locks the log's head, so other changes wait until the transaction ends.
    pub(crate) async fn append_audit(
        &self,
        transaction: &mut Transaction,
        change: Change<'_>,
    ) -> Result<(), StoreError> {
        let head = sqlx::query(
            "UPDATE extension_audit_head SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence, hash",
        )
        .fetch_one(&mut **transaction)
        .await?;
        let previous: String = head.try_get("hash")?;
        let mut entry = AuditRow {
            sequence: head.try_get("sequence")?,
            at_ms: now_ms(),
            actor: self.actor.to_string(),
            action: change.action.to_owned(),
            tenant: change.tenant.to_owned(),
            subject: change.subject.to_owned(),
            details: change.details.to_string(),
            hash: String::new(),
        };
        entry.hash = entry.hash_after(&previous);
        sqlx::query(
            "INSERT INTO extension_audit_log (sequence, at_ms, actor, action, tenant, subject, details, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(entry.sequence)
        .bind(entry.at_ms)
        .bind(entry.actor)
        .bind(entry.action)
        .bind(entry.tenant)
        .bind(entry.subject)
        .bind(entry.details)
        .bind(entry.hash.as_str())
        .execute(&mut **transaction)
        .await?;
        sqlx::query("UPDATE extension_audit_head SET hash = $1 WHERE id = 1")
            .bind(entry.hash.as_str())
            .execute(&mut **transaction)
            .await?;
        self.notify(transaction, change.action, change.tenant).await
    }

    /// Returns the entries after `sequence`, oldest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn audit_after(&self, sequence: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, at_ms, actor, action, tenant, subject, details, hash FROM extension_audit_log \
             WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(sequence)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.connection().await?)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Verifies the hash chain of the whole log.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails.
    pub async fn audit_chain(&self) -> Result<AuditChain, StoreError> {
        // The head is read first: entries appended during the verification are ignored.
        let end = sqlx::query("SELECT sequence, hash FROM extension_audit_head WHERE id = 1")
            .fetch_one(&mut *self.connection().await?)
            .await?;
        let (last, head): (i64, String) = (end.try_get("sequence")?, end.try_get("hash")?);
        let mut chain = AuditChain {
            entries: 0,
            head: String::new(),
            broken_at: None,
        };
        while chain.entries < last {
            let page = self.audit_after(chain.entries, PAGE).await?;
            for entry in page.iter().filter(|entry| entry.sequence <= last) {
                if entry.sequence != chain.entries + 1 || entry.hash != entry.hash_after(&chain.head) {
                    chain.broken_at = Some(chain.entries + 1);
                    return Ok(chain);
                }
                chain.entries = entry.sequence;
                chain.head.clone_from(&entry.hash);
            }
            if page.is_empty() {
                break;
            }
        }
        if chain.entries != last || chain.head != head {
            chain.broken_at = Some(chain.entries + 1);
        }
        Ok(chain)
    }
}

fn read(row: &AnyRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        sequence: row.try_get("sequence")?,
        at_ms: row.try_get("at_ms")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        tenant: row.try_get("tenant")?,
        subject: row.try_get("subject")?,
        details: row.try_get("details")?,
        hash: row.try_get("hash")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn database_with_three_entries() -> (Database, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        for subject in ["a", "b", "c"] {
            let mut transaction = database.begin().await.unwrap();
            let change = Change {
                action: "version.publish",
                tenant: "",
                subject,
                details: Value::Null,
            };
            database.append_audit(&mut transaction, change).await.unwrap();
            transaction.commit().await.unwrap();
        }
        (database, directory)
    }

    #[tokio::test]
    async fn the_audit_log_refuses_updates_and_deletes() {
        let (database, _directory) = database_with_three_entries().await;
        for statement in [
            "UPDATE extension_audit_log SET actor = 'x'",
            "DELETE FROM extension_audit_log",
        ] {
            let refused = sqlx::query(statement).execute(&database.pool).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
    }

    #[tokio::test]
    async fn changed_removed_truncated_or_inserted_audit_entries_are_detected() {
        for (statement, broken_at) in [
            ("UPDATE extension_audit_log SET details = '{}' WHERE sequence = 2", 2),
            ("DELETE FROM extension_audit_log WHERE sequence = 2", 2),
            ("DELETE FROM extension_audit_log WHERE sequence = 3", 3),
            (
                "INSERT INTO extension_audit_log SELECT 4, at_ms, actor, action, tenant, subject, details, hash FROM extension_audit_log WHERE sequence = 3; UPDATE extension_audit_head SET sequence = 4",
                4,
            ),
        ] {
            let (database, _directory) = database_with_three_entries().await;
            assert_eq!(database.audit_chain().await.unwrap().broken_at, None);
            for drop in [
                "DROP TRIGGER extension_audit_log_is_not_changed",
                "DROP TRIGGER extension_audit_log_is_not_shortened",
            ] {
                sqlx::raw_sql(drop).execute(&database.pool).await.unwrap();
            }
            sqlx::raw_sql(statement).execute(&database.pool).await.unwrap();
            assert_eq!(
                database.audit_chain().await.unwrap().broken_at,
                Some(broken_at),
                "{statement}"
            );
        }
    }
}
