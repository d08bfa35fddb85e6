//! Logs and errors of executions, for the extension's author.

use super::install_lookup::{find, tenant_of};
use crate::RegistryDependencies;
use crate::authorization::Dependencies;
use crate::bodies;
use crate::error::ApiError;
use alga_bundle::{ExecutionId, InstallId, TenantId};
use alga_errors::{Code, Problem};
use alga_http::PageQuery;
use alga_registry_types::{Executions, ExecutionsQuery};
use alga_store::{ExecutionFilter, ExecutionOutcome};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};

type Filtered = Result<Query<ExecutionsQuery>, QueryRejection>;

/// Lists the executions of one install.
pub(crate) async fn list(
    Dependencies(dependencies): Dependencies,
    Path((tenant, install)): Path<(String, String)>,
    query: Filtered,
) -> Result<Json<Executions>, ApiError> {
    let install = find(&dependencies, &tenant, &install).await?;
    read(&dependencies, &install.tenant_id, Some(install.id), query).await
}

/// Lists the executions of all installs of a tenant.
pub(crate) async fn list_of_tenant(
    Dependencies(dependencies): Dependencies,
    Path(tenant): Path<String>,
    query: Filtered,
) -> Result<Json<Executions>, ApiError> {
    read(&dependencies, &tenant_of(&tenant)?, None, query).await
}

async fn read(
    dependencies: &RegistryDependencies,
    tenant: &TenantId,
    install: Option<InstallId>,
    query: Filtered,
) -> Result<Json<Executions>, ApiError> {
    let Query(query) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
    let page = PageQuery::new(query.after.as_ref().map(ExecutionId::to_string), query.limit);
    let filter = ExecutionFilter {
        install,
        request: query.request,
        endpoint: query.endpoint,
        outcome: query.outcome.as_deref().map(outcome).transpose()?,
        from_ms: query.from_ms,
        to_ms: query.to_ms,
        min_duration_us: query.min_duration_us,
        max_duration_us: query.max_duration_us,
    };
    let found = dependencies
        .database
        .executions(tenant, &filter, query.after.as_ref(), page.limit()?)
        .await?;
    let last = found.rows.last().filter(|_| found.is_cut).map(|row| row.id.clone());
    let next = match last {
        Some(last) => Some(last),
        None => page.next(&found.rows, |row| row.id.clone())?,
    };
    let executions = found
        .rows
        .into_iter()
        .map(bodies::execution)
        .collect::<Result<_, _>>()?;
    Ok(Json(Executions { executions, next }))
}

fn outcome(text: &str) -> Result<ExecutionOutcome, Problem> {
    let classes = [("2xx", 200), ("3xx", 300), ("4xx", 400), ("5xx", 500)];
    let class = classes.into_iter().find(|(name, _)| *name == text);
    let is_code = Code::ALL.iter().any(|code| code.as_str() == text);
    let code = || is_code.then(|| ExecutionOutcome::Code(text.to_owned()));
    class
        .map(|(_, status)| ExecutionOutcome::StatusFrom(status))
        .or_else(code)
        .ok_or_else(|| Problem::new(Code::BadRequest, "outcome is 2xx, 3xx, 4xx, 5xx or an error code"))
}
