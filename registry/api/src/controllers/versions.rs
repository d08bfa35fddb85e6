use super::not_found;
use crate::authorization::Dependencies;
use crate::bodies;
use crate::error::ApiError;
use alga_bundle::VersionId;
use alga_http::PageQuery;
use alga_registry_types::{VersionDetails, Versions};
use axum::Json;
use axum::extract::Path;

pub(crate) async fn list(
    Dependencies(dependencies): Dependencies,
    Path(name): Path<String>,
    page: PageQuery,
) -> Result<Json<Versions>, ApiError> {
    let (after, limit) = (page.id::<VersionId>()?, page.limit()?);
    let rows = dependencies.database.versions(&name, after.as_ref(), limit).await?;
    if rows.is_empty() && after.is_none() {
        return Err(not_found("extension of this name"));
    }
    let next = page.next(&rows, |row| row.id.clone())?;
    let versions = rows.into_iter().map(bodies::version_summary).collect();
    Ok(Json(Versions { versions, next }))
}

pub(crate) async fn show(
    Dependencies(dependencies): Dependencies,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<VersionDetails>, ApiError> {
    dependencies
        .database
        .version(&name, &version)
        .await?
        .map(|row| Json(bodies::version(row)))
        .ok_or_else(|| not_found("such version"))
}
