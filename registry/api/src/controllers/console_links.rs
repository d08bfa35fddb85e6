//! One-time links by which an operator signs a browser in.

use crate::authorization::{BySession, Dependencies, RequestPrincipal};
use crate::error::ApiError;
use alga_auth::{BootstrapToken, SessionSecret};
use alga_errors::{Code, Problem};
use alga_registry_types::ConsoleLink;
use alga_store::SessionKind;
use axum::http::StatusCode;
use axum::{Extension, Json};

pub(crate) async fn create(
    Dependencies(dependencies): Dependencies,
    RequestPrincipal(principal): RequestPrincipal,
    session: Option<Extension<BySession>>,
) -> Result<(StatusCode, Json<ConsoleLink>), ApiError> {
    // Otherwise a session would never end, or outlive a provider's token.
    let is_own = principal.actor().starts_with("key:") || principal.actor() == BootstrapToken::ACTOR;
    if session.is_some() || !is_own {
        let message = "only an operator's API key or the bootstrap token creates a link";
        return Err(Problem::new(Code::Forbidden, message).into());
    }
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
