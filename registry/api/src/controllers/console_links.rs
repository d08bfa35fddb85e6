//! One-time links by which an operator signs a browser in.

use crate::authorization::{Dependencies, RequestPrincipal};
use crate::error::ApiError;
use alga_auth::SessionSecret;
use alga_errors::Problem;
use alga_registry_types::ConsoleLink;
use alga_store::SessionKind;
use axum::Json;
use axum::http::StatusCode;

pub(crate) async fn create(
    Dependencies(dependencies): Dependencies,
    RequestPrincipal(principal): RequestPrincipal,
) -> Result<(StatusCode, Json<ConsoleLink>), ApiError> {
    let secret = SessionSecret::generate().map_err(Problem::internal)?;
    let principal = principal.to_json().map_err(Problem::internal)?;
    let (digest, life) = (secret.digest(), SessionSecret::LINK_LIFE);
    dependencies
        .database
        .create_session(SessionKind::Link, &digest, &principal, life)
        .await?;
    let link = ConsoleLink {
        path: format!("/auth/link?token={}", secret.expose()),
        lifetime_seconds: life.as_secs(),
    };
    Ok((StatusCode::CREATED, Json(link)))
}
