//! Withdrawing versions. A yanked version runs where it is installed, but cannot be newly
//! installed. A revoked version can do neither, permanently. A deprecated version can do both, with
//! a warning.

use super::{JsonBody, not_found};
use crate::RegistryDependencies;
use crate::authorization::{Dependencies, RequestPrincipal};
use crate::bodies;
use crate::error::ApiError;
use alga_auth::PrincipalKind;
use alga_bundle::VersionStatus;
use alga_errors::{Code, Problem};
use alga_registry_types::{Reason, VersionDetails};
use alga_store::VersionRow;
use axum::Json;
use axum::extract::Path;

/// Maximum characters of a reason.
const REASON_CHARACTERS: usize = 500;

type VersionPath = Path<(String, String)>;
type ReasonBody = JsonBody<Reason>;

pub(crate) async fn yank(
    dependencies: Dependencies,
    principal: RequestPrincipal,
    path: VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionDetails>, ApiError> {
    set((dependencies, principal), path, body, VersionStatus::Yanked).await
}

pub(crate) async fn unyank(
    dependencies: Dependencies,
    principal: RequestPrincipal,
    path: VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionDetails>, ApiError> {
    set((dependencies, principal), path, body, VersionStatus::Published).await
}

pub(crate) async fn revoke(
    dependencies: Dependencies,
    principal: RequestPrincipal,
    path: VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionDetails>, ApiError> {
    set((dependencies, principal), path, body, VersionStatus::Revoked).await
}

pub(crate) async fn deprecate(
    Dependencies(dependencies): Dependencies,
    Path(path): VersionPath,
    body: ReasonBody,
) -> Result<Json<VersionDetails>, ApiError> {
    let reason = reason_of(body)?;
    let version = find(&dependencies, &path).await?;
    dependencies
        .database
        .deprecate_version(&version, (!reason.is_empty()).then_some(reason.as_str()))
        .await?;
    Ok(Json(bodies::version(find(&dependencies, &path).await?)))
}

async fn set(
    (Dependencies(dependencies), RequestPrincipal(principal)): (Dependencies, RequestPrincipal),
    Path(path): VersionPath,
    body: ReasonBody,
    status: VersionStatus,
) -> Result<Json<VersionDetails>, ApiError> {
    let reason = reason_of(body)?;
    let version = find(&dependencies, &path).await?;
    dependencies
        .database
        .set_version_status(&version, status, &reason, principal.kind() == PrincipalKind::Operator)
        .await?;
    (dependencies.on_install)(None);
    tracing::warn!(name = %version.name, version = %version.version, version_status = ?status, reason = ?reason, "version status changed");
    Ok(Json(bodies::version(find(&dependencies, &path).await?)))
}

fn reason_of(body: ReasonBody) -> Result<String, ApiError> {
    let JsonBody(Reason { reason }) = body;
    if reason.chars().count() > REASON_CHARACTERS || reason.chars().any(char::is_control) {
        let message = format!("a reason has at most {REASON_CHARACTERS} characters of plain text");
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    Ok(reason)
}

async fn find(dependencies: &RegistryDependencies, (name, version): &(String, String)) -> Result<VersionRow, ApiError> {
    let version = dependencies.database.version(name, version).await?;
    version.ok_or_else(|| not_found("such version"))
}
