use alga_auth::{Authenticator, Object, Principal, Right};
use alga_errors::Problem;
use alga_http::bearer;
use axum::http::HeaderMap;
use std::sync::Arc;

/// Returns the operator who sent these headers, or the reason why the request is refused.
pub(crate) async fn ensure_operator(
    authenticator: &Authenticator,
    headers: &HeaderMap,
) -> Result<Arc<Principal>, Problem> {
    let principal = authenticator.authenticate(bearer(headers)).await?;
    principal.check(Right::Operate, Object::Platform)?;
    Ok(principal)
}
