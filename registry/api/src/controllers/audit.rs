use crate::authorization::Dependencies;
use crate::bodies;
use crate::error::ApiError;
use alga_errors::{Code, Problem};
use alga_registry_types::{AuditChain, AuditPage, AuditQuery};
use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

/// Number of entries in one response.
const PAGE: u32 = 100;

pub(crate) async fn list(
    Dependencies(dependencies): Dependencies,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditPage>, ApiError> {
    let Query(query) = query.map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
    let rows = dependencies.database.audit_after(query.after, PAGE).await?;
    Ok(Json(AuditPage {
        entries: rows.into_iter().map(bodies::audit_entry).collect(),
    }))
}

pub(crate) async fn verify(Dependencies(dependencies): Dependencies) -> Result<Json<AuditChain>, ApiError> {
    let chain = dependencies.database.audit_chain().await?;
    Ok(Json(AuditChain {
        entries: chain.entries,
        head: chain.head,
        broken_at: chain.broken_at,
    }))
}
