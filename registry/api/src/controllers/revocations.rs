//! Revocation lists. A new list is written to the database, then to this host's disk, then
//! activated, then acknowledged.

use crate::RegistryDependencies;
use crate::authorization::Dependencies;
use crate::error::ApiError;
use alga_errors::{Code, Problem};
use alga_registry_types::RevocationStatus;
use alga_signing::RevocationError;
use alga_store::StoredRevocations;
use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

pub(crate) async fn show(Dependencies(dependencies): Dependencies) -> Json<RevocationStatus> {
    let list = dependencies.trust.revocations();
    Json(RevocationStatus {
        epoch: list.as_ref().map_or(0, |list| list.epoch),
        list: list.map(Arc::unwrap_or_clone),
        is_overdue: dependencies.trust.is_overdue(),
    })
}

/// Stores and activates a list, in a task of its own: a client that disconnects must not leave a
/// list that is stored but not active.
pub(crate) async fn accept(
    Dependencies(dependencies): Dependencies,
    body: Bytes,
) -> Result<(StatusCode, Json<RevocationStatus>), ApiError> {
    let task_dependencies = Arc::clone(&dependencies);
    let result = tokio::spawn(async move { store_and_activate(&task_dependencies, &body).await }).await;
    result.map_err(Problem::internal)??;
    Ok((StatusCode::CREATED, show(Dependencies(dependencies)).await))
}

async fn store_and_activate(dependencies: &RegistryDependencies, envelope: &[u8]) -> Result<(), ApiError> {
    let list = dependencies
        .trust
        .read_revocations(envelope)
        .map_err(|error| refused(&error))?;
    let stored = StoredRevocations {
        epoch: list.epoch,
        envelope: String::from_utf8_lossy(envelope).into_owned(),
    };
    let newest = dependencies.database.newest_revocations().await?;
    // The client may send a list again because the response was lost or the first attempt was
    // interrupted; then only the remaining steps are done.
    if newest.as_ref() != Some(&stored) {
        list.may_follow(newest.map_or(0, |newest| newest.epoch), Timestamp::now())
            .map_err(|error| refused(&error))?;
        dependencies.database.add_revocations(&stored).await?;
    }
    let file = dependencies.revocation_file.clone();
    let written = tokio::task::spawn_blocking(move || file.write(&stored)).await;
    written.map_err(Problem::internal)??;
    tracing::warn!(epoch = list.epoch, bundles = list.bundles.len(), signers = list.signers.len(), expires_at = %list.expires_at, "activated a new revocation list");
    dependencies.trust.activate_revocations(list);
    (dependencies.on_install)(None);
    Ok(())
}

fn refused(error: &RevocationError) -> Problem {
    let code = match error {
        RevocationError::Signature => Code::SignatureRejected,
        RevocationError::Epoch { .. } => Code::Conflict,
        _ => Code::BadRequest,
    };
    Problem::new(code, error.to_string())
}

/// Refuses new releases and installs while the revocation list is overdue, since it is unknown what
/// has been revoked.
pub(super) fn ensure_revocations_fresh(dependencies: &RegistryDependencies) -> Result<(), Problem> {
    if !dependencies.trust.is_overdue() {
        return Ok(());
    }
    let problem = Problem::new(
        Code::RevocationsOverdue,
        "the revocation list is overdue, so new releases and installs are refused",
    );
    Err(problem.with_hint("sign a newer list with `alga trust revoke` and send it with `alga trust send`"))
}
