use crate::RegistryParts;
use crate::failure::Failure;
use alga_store::{AuditChain, AuditEntry};
use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Entries in one answer.
const PAGE: u32 = 100;

/// After which entry to go on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    #[serde(default)]
    after: i64,
}

/// A page of the log; the last sequence is where the next one begins.
#[derive(Serialize)]
pub(crate) struct AuditPage {
    entries: Vec<AuditEntry>,
}

pub(crate) async fn list(
    State(parts): State<Arc<RegistryParts>>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, Failure> {
    let entries = parts.database.audit_after(query.after, PAGE).await?;
    Ok(Json(AuditPage { entries }))
}

pub(crate) async fn verify(State(parts): State<Arc<RegistryParts>>) -> Result<Json<AuditChain>, Failure> {
    Ok(Json(parts.database.audit_chain().await?))
}
