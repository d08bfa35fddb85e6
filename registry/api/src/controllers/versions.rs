use super::not_found;
use crate::RegistryParts;
use crate::failure::Failure;
use alga_store::VersionRow;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use std::sync::Arc;

/// Versions in one answer.
const PAGE: u32 = 100;

/// A list in an object, so that a cursor can join it.
#[derive(Serialize)]
pub(crate) struct Versions {
    versions: Vec<VersionRow>,
}

pub(crate) async fn list(
    State(parts): State<Arc<RegistryParts>>,
    Path(name): Path<String>,
) -> Result<Json<Versions>, Failure> {
    let versions = parts.database.versions(&name, PAGE).await?;
    if versions.is_empty() {
        Err(not_found("extension of this name"))
    } else {
        Ok(Json(Versions { versions }))
    }
}

pub(crate) async fn show(
    State(parts): State<Arc<RegistryParts>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<VersionRow>, Failure> {
    parts
        .database
        .version(&name, &version)
        .await?
        .map(Json)
        .ok_or_else(|| not_found("such version"))
}
