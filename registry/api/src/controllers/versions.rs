use super::not_found;
use crate::RegistryDependencies;
use crate::error::ApiError;
use crate::page::PageQuery;
use alga_bundle::VersionId;
use alga_store::{VersionRow, VersionSummary};
use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// A page of versions, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Versions {
    versions: Vec<VersionSummary>,
    /// Value of `after` for the next page; null at the end of the list.
    next: Option<VersionId>,
}

pub(crate) async fn list(
    State(dependencies): State<Arc<RegistryDependencies>>,
    Path(name): Path<String>,
    page: PageQuery,
) -> Result<Json<Versions>, ApiError> {
    let (after, limit) = (page.id::<VersionId>()?, page.limit()?);
    let versions = dependencies.database.versions(&name, after.as_ref(), limit).await?;
    if versions.is_empty() && after.is_none() {
        return Err(not_found("extension of this name"));
    }
    let is_full = u32::try_from(versions.len()).is_ok_and(|count| count == limit);
    let next = versions.last().filter(|_| is_full).map(|version| version.id.clone());
    Ok(Json(Versions { versions, next }))
}

pub(crate) async fn show(
    State(dependencies): State<Arc<RegistryDependencies>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<VersionRow>, ApiError> {
    dependencies
        .database
        .version(&name, &version)
        .await?
        .map(Json)
        .ok_or_else(|| not_found("such version"))
}
