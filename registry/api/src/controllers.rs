//! One file for each resource.

pub(crate) mod audit;
pub(crate) mod executions;
pub(crate) mod garbage;
pub(crate) mod installs;
pub(crate) mod lifecycle;
mod optional;
mod papers;
pub(crate) mod publish;
pub(crate) mod revocations;
pub(crate) mod secrets;
pub(crate) mod states;
pub(crate) mod uploads;
pub(crate) mod versions;

use crate::RegistryParts;
use crate::failure::Failure;
use alga_bundle::Object;
use alga_errors::{Code, Problem};
use alga_http::bearer;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lets through who has the operator's token.
pub(crate) async fn administrator_only(
    State(parts): State<Arc<RegistryParts>>,
    request: Request,
    next: Next,
) -> Response {
    if bearer(request.headers()).is_some_and(|token| parts.administrator.matches(token)) {
        return next.run(request).await;
    }
    let problem = Problem::new(Code::Unauthenticated, "the registry needs the operator's token")
        .with_hint("pass --token-file; an embedded server keeps it in `admin.token` of its data folder");
    Failure(problem).into_response()
}

/// A JSON body, or what is wrong with it.
pub(crate) fn body_of<T>(body: Result<Json<Object<T>>, JsonRejection>) -> Result<T, Failure> {
    let refused = |error: JsonRejection| {
        let code = match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
            _ => Code::BadRequest,
        };
        Problem::new(code, error.body_text())
    };
    let Json(Object(body)) = body.map_err(refused)?;
    Ok(body)
}

pub(crate) fn not_found(what: &str) -> Failure {
    Failure(Problem::new(Code::NotFound, format!("there is no {what}")))
}
