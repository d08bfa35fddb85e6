//! Crashes of runners, and quarantined extensions.

use crate::audit::Change;
use crate::connection::Transaction;
use crate::database::now_ms;
use crate::{Database, StoreError};
use alga_bundle::{Crashes, Digest};
use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Time in milliseconds for which a crash is listed.
const LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

impl Database {
    /// Counts a crash of a host's runners, and returns the state of the extensions that were
    /// executing. One that panicked, or that was executing alone, is certainly the cause.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, or [`StoreError::Row`] if a stored
    /// row is invalid; then nothing was counted.
    pub async fn count_crash(&self, executing: &[Digest], panicked: &[Digest]) -> Result<Vec<Crashes>, StoreError> {
        let now = now_ms();
        let mut transaction = self.begin().await?;
        // The audit log's head is locked first, so that crashes are counted one after the other.
        let details = json!({ "executing": executing, "panicked": panicked });
        let change = Change {
            action: "runner.crash",
            tenant: "",
            subject: "runner",
            details,
        };
        self.append_audit(&mut transaction, change).await?;
        let is_alone = executing.len() == 1;
        let executing = executing.iter().map(|hash| (hash, is_alone));
        let panicked = panicked.iter().map(|hash| (hash, true));
        let mut counted = Vec::new();
        for (hash, is_certain) in executing.chain(panicked) {
            let before = crashes_of(&mut transaction, hash).await?;
            let after = before
                .unwrap_or_else(|| Crashes::none(*hash))
                .after_crash(now, is_certain);
            store(&mut transaction, &after, now).await?;
            counted.push(after);
        }
        transaction.commit().await?;
        Ok(counted)
    }

    /// Returns the state of all extensions that changed since a time, in milliseconds since 1970.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, or [`StoreError::Row`] if a stored row
    /// is invalid.
    pub async fn crashes_changed_since(&self, at_ms: i64) -> Result<Vec<Crashes>, StoreError> {
        let rows = sqlx::query(
            "SELECT content_hash, crashes, last_at_ms, quarantines, quarantined_until_ms FROM extension_crash \
             WHERE changed_at_ms >= $1 ORDER BY last_at_ms DESC, content_hash",
        )
        .bind(at_ms)
        .fetch_all(&mut *self.connection().await?)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Deletes crashes that are long over and returns the number of extensions.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn sweep_crashes(&self) -> Result<u64, StoreError> {
        let result = sqlx::query("DELETE FROM extension_crash WHERE changed_at_ms < $1")
            .bind(now_ms().saturating_sub(LIFE_MS))
            .execute(&mut *self.connection().await?)
            .await?;
        Ok(result.rows_affected())
    }

    /// Lifts the quarantine of an extension, and deletes its crashes. Returns false if it has
    /// caused none.
    ///
    /// # Errors
    /// As for [`Self::count_crash`].
    pub async fn lift_quarantine(&self, content_hash: &Digest) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let change = Change {
            action: "quarantine.lift",
            tenant: "",
            subject: &content_hash.to_string(),
            details: json!({}),
        };
        self.append_audit(&mut transaction, change).await?;
        if crashes_of(&mut transaction, content_hash).await?.is_none() {
            return Ok(false);
        }
        store(&mut transaction, &Crashes::none(*content_hash), now_ms()).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

async fn crashes_of(transaction: &mut Transaction, hash: &Digest) -> Result<Option<Crashes>, StoreError> {
    let row = sqlx::query(
        "SELECT content_hash, crashes, last_at_ms, quarantines, quarantined_until_ms FROM extension_crash WHERE content_hash = $1",
    )
    .bind(hash.to_string())
    .fetch_optional(&mut **transaction)
    .await?;
    row.as_ref().map(read).transpose()
}

async fn store(transaction: &mut Transaction, crashes: &Crashes, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO extension_crash (content_hash, crashes, last_at_ms, quarantines, quarantined_until_ms, changed_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (content_hash) DO UPDATE SET crashes = excluded.crashes, \
         last_at_ms = excluded.last_at_ms, quarantines = excluded.quarantines, \
         quarantined_until_ms = excluded.quarantined_until_ms, changed_at_ms = excluded.changed_at_ms",
    )
    .bind(crashes.content_hash.to_string())
    .bind(i64::from(crashes.crashes))
    .bind(crashes.last_at_ms)
    .bind(i64::from(crashes.quarantines))
    .bind(crashes.quarantined_until_ms)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Crashes, StoreError> {
    let number = |column: &str| {
        let number: i64 = row.try_get(column)?;
        u32::try_from(number).map_err(StoreError::row)
    };
    let hash: String = row.try_get("content_hash")?;
    Ok(Crashes {
        content_hash: hash.parse().map_err(StoreError::row)?,
        crashes: number("crashes")?,
        last_at_ms: row.try_get("last_at_ms")?,
        quarantines: number("quarantines")?,
        quarantined_until_ms: row.try_get("quarantined_until_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_cause_of_three_crashes_is_quarantined_until_an_operator_lifts_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        let [cause, other, late] = [b"1", b"2", b"3"].map(|bytes| Digest::of(bytes));
        assert_eq!(database.count_crash(&[cause, other], &[]).await.unwrap().len(), 2);
        // From now on, one of both executes at a time.
        for crashes in 2..=3 {
            let counted = database.count_crash(&[cause], &[]).await.unwrap();
            assert_eq!((counted.len(), counted[0].crashes), (1, crashes));
        }
        let all = database.crashes_changed_since(0).await.unwrap();
        let quarantined: Vec<_> = all
            .iter()
            .filter(|crashes| crashes.quarantined_for_ms(now_ms()).is_some())
            .collect();
        assert_eq!((all.len(), quarantined.len()), (2, 1));
        assert!(database.lift_quarantine(&cause).await.unwrap());
        assert!(!database.lift_quarantine(&late).await.unwrap());
        let all = database.crashes_changed_since(0).await.unwrap();
        assert!(all.contains(&Crashes::none(cause)), "{all:?}");
    }

    #[tokio::test]
    async fn a_crash_is_listed_for_30_days() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
            .await
            .unwrap();
        let [old, recent] = [b"1", b"2"].map(|bytes| Digest::of(bytes));
        let mut transaction = database.begin().await.unwrap();
        for (hash, age_ms) in [(old, LIFE_MS + 1), (recent, LIFE_MS - 60_000)] {
            let at_ms = now_ms() - age_ms;
            store(&mut transaction, &Crashes::none(hash), at_ms).await.unwrap();
        }
        transaction.commit().await.unwrap();
        assert_eq!(database.sweep_crashes().await.unwrap(), 1);
        let left = database.crashes_changed_since(0).await.unwrap();
        assert_eq!((left.len(), left[0].content_hash), (1, recent));
    }
}
