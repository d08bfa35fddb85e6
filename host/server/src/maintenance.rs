//! Deletes what is over: bundles that nothing refers to, expired records, old rows.

use crate::adapters::limited_records;
use crate::config::RecordSettings;
use alga_errors::chain;
use alga_store::{BlobStore, CLAIM_GRACE, Database, Staging, UPLOAD_LIFE, collect_garbage};
use std::io;

/// Does all of it once. What fails is tried again in the next round.
pub(crate) async fn maintain(database: &Database, blobs: &BlobStore, staging: Staging, records: RecordSettings) {
    match collect_garbage(database, blobs, CLAIM_GRACE).await {
        Ok(bundles) => tracing::info!(bundles, "collected garbage"),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "could not collect garbage; retrying in an hour");
        }
    }
    match limited_records(database.clone()).sweep().await {
        Ok(namespaces) => tracing::info!(namespaces, "swept expired records"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep expired records"),
    }
    if let Err(error) = database.note_stored_bytes().await {
        tracing::warn!(error = %chain(&error), "could not note what tenants store");
    }
    match database.sweep_executions(records.life).await {
        Ok(executions) => tracing::info!(executions, "swept old records of executions"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep records of executions"),
    }
    match database.sweep_minutes(records.life_of_sums).await {
        Ok(rows) => tracing::info!(rows, "swept old sums of executions"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep sums of executions"),
    }
    match database.sweep_crashes().await {
        Ok(extensions) => tracing::info!(extensions, "swept old crashes"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep old crashes"),
    }
    match database.sweep_api_keys().await {
        Ok(keys) => tracing::info!(keys, "swept API keys that were invalid"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep API keys"),
    }
    match database.sweep_idempotency().await {
        Ok(keys) => tracing::info!(keys, "swept expired idempotency keys"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep idempotency keys"),
    }
    match database.sweep_quotas().await {
        Ok(rows) => tracing::info!(rows, "swept old usage"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep old usage"),
    }
    match database.sweep_sessions().await {
        Ok(sessions) => tracing::info!(sessions, "swept expired sessions"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep sessions"),
    }
    let swept = tokio::task::spawn_blocking(move || staging.sweep(UPLOAD_LIFE)).await;
    match swept.unwrap_or_else(|error| Err(io::Error::other(error).into())) {
        Ok(uploads) => tracing::info!(uploads, "swept abandoned uploads"),
        Err(error) => tracing::warn!(error = %chain(&error), "could not sweep uploads"),
    }
}
