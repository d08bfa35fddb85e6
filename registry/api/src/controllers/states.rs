//! Withdrawing versions. Yanked: runs where it is installed, is not installed any more. Revoked: neither, and for ever. Deprecated: both, with a
//! word of warning.

use super::{JsonBody, not_found};
use crate::RegistryParts;
use crate::failure::Failure;
use alga_errors::{Code, Problem};
use alga_store::{VersionRow, VersionStatus};
use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Characters of a reason.
const REASON_CHARACTERS: usize = 500;

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    reason: String,
}

type VersionPath = Path<(String, String)>;
type ReasonBody = JsonBody<Reason>;

pub(crate) async fn yank(
    state: State<Arc<RegistryParts>>,
    path: VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionRow>, Failure> {
    set(state, path, body, VersionStatus::Yanked).await
}

pub(crate) async fn unyank(
    state: State<Arc<RegistryParts>>,
    path: VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionRow>, Failure> {
    set(state, path, body, VersionStatus::Published).await
}

pub(crate) async fn revoke(
    state: State<Arc<RegistryParts>>,
    path: VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionRow>, Failure> {
    set(state, path, body, VersionStatus::Revoked).await
}

pub(crate) async fn deprecate(
    State(parts): State<Arc<RegistryParts>>,
    Path(path): VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionRow>, Failure> {
    let reason = reason_of(body)?;
    let version = find(&parts, &path).await?;
    parts
        .database
        .deprecate_version(&version, (!reason.is_empty()).then_some(reason.as_str()))
        .await?;
    Ok(Json(find(&parts, &path).await?))
}

async fn set(
    State(parts): State<Arc<RegistryParts>>,
    Path(path): VersionPath,
    body: ReasonBody,
    status: VersionStatus,
) -> Result<Json<VersionRow>, Failure> {
    let reason = reason_of(body)?;
    let version = find(&parts, &path).await?;
    parts.database.set_version_status(&version, status, &reason).await?;
    (parts.on_install)();
    tracing::warn!(name = %version.name, version = %version.version, ?status, reason = ?reason, "version status changed");
    Ok(Json(find(&parts, &path).await?))
}

fn reason_of(body: ReasonBody) -> Result<String, Failure> {
    let JsonBody(Reason { reason }) = body;
    if reason.chars().count() > REASON_CHARACTERS || reason.chars().any(char::is_control) {
        let message = format!("a reason has at most {REASON_CHARACTERS} characters of plain text");
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    Ok(reason)
}

async fn find(parts: &RegistryParts, (name, version): &(String, String)) -> Result<VersionRow, Failure> {
    let version = parts.database.version(name, version).await?;
    version.ok_or_else(|| not_found("such version"))
}
