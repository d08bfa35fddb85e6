use crate::RegistryDependencies;
use crate::error::ApiError;
use alga_errors::{Code, Problem};
use alga_store::{AuditChain, AuditEntry};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Number of entries in one response.
const PAGE: u32 = 100;

/// The entry after which the page begins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    #[serde(default)]
    after: i64,
}

/// A page of the audit log. Pass the last `sequence` as `after` for the next page.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditPage {
    entries: Vec<AuditEntry>,
}

pub(crate) async fn list(
    State(dependencies): State<Arc<RegistryDependencies>>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditPage>, ApiError> {
    let Query(query) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
    let entries = dependencies.database.audit_after(query.after, PAGE).await?;
    Ok(Json(AuditPage { entries }))
}

pub(crate) async fn verify(
    State(dependencies): State<Arc<RegistryDependencies>>,
) -> Result<Json<AuditChain>, ApiError> {
    Ok(Json(dependencies.database.audit_chain().await?))
}
