//! Authentication of every request, and authorization by the right that its route needs.

use crate::RegistryDependencies;
use crate::error::ApiError;
use alga_auth::{Object, Principal, Right, SessionSecret};
use alga_errors::{Code, Problem};
use alga_http::{CSRF_HEADER, bearer, check_same_origin, one_field, session_cookie};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Adds the principal to the request, or refuses a request without a valid credential.
pub(crate) async fn authenticate(
    State(dependencies): State<Arc<RegistryDependencies>>,
    mut request: Request,
    next: Next,
) -> Response {
    // Not the request itself: its body cannot be shared between threads.
    let (method, headers) = (request.method(), request.headers());
    let is_session = session_of(headers).is_some();
    match principal_of(&dependencies, method, headers).await {
        Ok(principal) => {
            if is_session {
                request.extensions_mut().insert(BySession);
            }
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => ApiError(with_hint(problem)).into_response(),
    }
}

/// Returns the principal of a bearer token, or else of a browser's session.
async fn principal_of(
    dependencies: &RegistryDependencies,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Arc<Principal>, Problem> {
    let authenticator = &dependencies.authenticator;
    let Some(secret) = session_of(headers) else {
        return authenticator.authenticate(bearer(headers)).await;
    };
    let principal = authenticator.session(&secret).await?;
    check_same_origin(method, headers)?;
    let token = one_field(headers, &CSRF_HEADER)?.unwrap_or_default();
    if !method.is_safe() && !secret.has_csrf_token(token) {
        let message = "the header x-alga-csrf is not the session's token";
        return Err(Problem::new(Code::Forbidden, message).with_hint("`GET /auth/session` returns it"));
    }
    Ok(principal)
}

/// Extension of a request that a browser's session authenticates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BySession;

/// Returns the session of a request that has no other credential.
fn session_of(headers: &HeaderMap) -> Option<SessionSecret> {
    let session = session_cookie(headers).filter(|_| !headers.contains_key(AUTHORIZATION));
    session.and_then(SessionSecret::parse)
}

fn with_hint(problem: Problem) -> Problem {
    if problem.code() != Code::Unauthenticated {
        return problem;
    }
    problem.with_hint("pass --token-file: a file with an API key, or admin.token of the server's data directory")
}

/// Refuses a request whose principal does not have the right of the route on the tenant or the
/// extension that the path names.
pub(crate) async fn authorize(
    State(right): State<Right>,
    principal: RequestPrincipal,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let invalid = |error: RawPathParamsRejection| Problem::new(Code::BadRequest, error.body_text());
    let checked = parameters.map_err(invalid).and_then(|parameters| {
        let object = object_of(&parameters);
        principal.0.check(right, object).map_err(Problem::from)
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => ApiError(problem).into_response(),
    }
}

fn object_of(parameters: &RawPathParams) -> Object<'_> {
    let named = parameters.iter().find_map(|(name, value)| match name {
        "tenant" => Some(Object::Tenant(value)),
        "name" => Some(Object::Extension(value)),
        _ => None,
    });
    named.unwrap_or(Object::Platform)
}

/// The authenticated principal of a request.
pub(crate) struct RequestPrincipal(pub(crate) Arc<Principal>);

impl<S: Sync> FromRequestParts<S> for RequestPrincipal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let principal = parts.extensions.get::<Arc<Principal>>().cloned();
        let missing = || Problem::internal("a route without authentication");
        Ok(Self(principal.ok_or_else(missing)?))
    }
}

/// The registry's dependencies, with handles whose changes and uploads are the principal's.
pub(crate) struct Dependencies(pub(crate) Arc<RegistryDependencies>);

impl FromRequestParts<Arc<RegistryDependencies>> for Dependencies {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<RegistryDependencies>) -> Result<Self, ApiError> {
        let RequestPrincipal(principal) = RequestPrincipal::from_request_parts(parts, shared).await?;
        let actor = principal.actor();
        Ok(Self(Arc::new(RegistryDependencies {
            database: shared.database.as_actor(actor),
            staging: shared.staging.as_owner(actor),
            ..RegistryDependencies::clone(shared)
        })))
    }
}
