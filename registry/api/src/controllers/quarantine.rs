//! Extensions that were executing when runners crashed.

use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_bundle::Digest;
use alga_errors::{Code, Problem};
use alga_registry_types::{CrashedExtension, Quarantined};
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use std::time::SystemTime;

pub(crate) async fn list(Dependencies(dependencies): Dependencies) -> Result<Json<Quarantined>, ApiError> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let known = dependencies.database.crashes_changed_since(0).await?;
    let extensions = known
        .into_iter()
        .filter(|crashes| crashes.crashes > 0)
        .map(|crashes| CrashedExtension {
            content_hash: crashes.content_hash,
            crashes: crashes.crashes,
            last_at_ms: crashes.last_at_ms,
            quarantines: crashes.quarantines,
            quarantined_until_ms: crashes
                .quarantined_for_ms(now_ms)
                .map(|left_ms| now_ms.saturating_add(left_ms)),
        });
    Ok(Json(Quarantined {
        extensions: extensions.collect(),
    }))
}

pub(crate) async fn lift(
    Dependencies(dependencies): Dependencies,
    Path(content_hash): Path<String>,
) -> Result<StatusCode, ApiError> {
    let content_hash: Digest = content_hash
        .parse()
        .map_err(|error| Problem::new(Code::BadRequest, format!("the content hash: {error}")))?;
    if dependencies.database.lift_quarantine(&content_hash).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(Code::NotFound, "no runner crashed while it executed this extension").into())
}
