//! Logs and errors of an install's executions, for the extension's author.

use super::install_lookup::find;
use crate::authorization::Dependencies;
use crate::bodies;
use crate::error::ApiError;
use alga_bundle::ExecutionId;
use alga_http::PageQuery;
use alga_registry_types::Executions;
use axum::Json;
use axum::extract::Path;

pub(crate) async fn list(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): Path<(String, String)>,
    page: PageQuery,
) -> Result<Json<Executions>, ApiError> {
    let (after, limit) = (page.id::<ExecutionId>()?, page.limit()?);
    let install = find(&dependencies, &tenant, &install).await?;
    let rows = dependencies
        .database
        .executions(&install.tenant_id, &install.id, after.as_ref(), limit)
        .await?;
    let next = page.next(&rows, |row| row.id.clone())?;
    let executions = rows.into_iter().map(bodies::execution).collect::<Result<_, _>>()?;
    Ok(Json(Executions { executions, next }))
}
