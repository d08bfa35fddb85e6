//! Garbage collection on request; the server also runs it every hour.

use super::uploads::staging_failed;
use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_errors::Problem;
use alga_registry_types::Removed;
use alga_store::{CLAIM_GRACE, UPLOAD_LIFE, collect_garbage};
use axum::Json;

/// Collects garbage now instead of at the next hourly run.
pub(crate) async fn collect(Dependencies(dependencies): Dependencies) -> Result<Json<Removed>, ApiError> {
    let staging = dependencies.staging.clone();
    let swept = tokio::task::spawn_blocking(move || staging.sweep(UPLOAD_LIFE)).await;
    Ok(Json(Removed {
        bundles: collect_garbage(&dependencies.database, &dependencies.blobs, CLAIM_GRACE).await?,
        uploads: swept.map_err(Problem::internal)?.map_err(staging_failed)?,
    }))
}
