//! Authentication of every request, and authorization by the right that its route needs.

use crate::RegistryDependencies;
use crate::error::ApiError;
use alga_auth::{Object, Principal, Right};
use alga_errors::{Code, Problem};
use alga_http::bearer;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Adds the principal to the request, or refuses a request without a valid credential.
pub(crate) async fn authenticate(
    State(dependencies): State<Arc<RegistryDependencies>>,
    mut request: Request,
    next: Next,
) -> Response {
    let authenticated = dependencies.authenticator.authenticate(bearer(request.headers())).await;
    match authenticated {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => ApiError(with_hint(problem)).into_response(),
    }
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
