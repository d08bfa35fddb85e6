//! Logs and errors of an install's executions, for the extension's author.

use super::install_lookup::find;
use crate::RegistryDependencies;
use crate::error::ApiError;
use crate::page::PageQuery;
use alga_bundle::ExecutionId;
use alga_store::ExecutionRow;
use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// A page of executions that wrote log records or failed, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Executions {
    executions: Vec<ExecutionRow>,
    /// Value of `after` for the next page; null at the end of the list.
    next: Option<ExecutionId>,
}

pub(crate) async fn list(
    State(dependencies): State<Arc<RegistryDependencies>>,
    Path((tenant, install)): Path<(String, String)>,
    page: PageQuery,
) -> Result<Json<Executions>, ApiError> {
    let (after, limit) = (page.id::<ExecutionId>()?, page.limit()?);
    let install = find(&dependencies, &tenant, &install).await?;
    let executions = dependencies
        .database
        .executions(&install.tenant_id, &install.id, after.as_ref(), limit)
        .await?;
    let is_full = u32::try_from(executions.len()).is_ok_and(|count| count == limit);
    let next = executions
        .last()
        .filter(|_| is_full)
        .map(|execution| execution.id.clone());
    Ok(Json(Executions { executions, next }))
}
