//! `POST /v1/drain`: an operator removes a process from the load balancer before it is stopped. Its
//! `/readyz` fails from then on, and a runner refuses new executions.

use crate::operator::ensure_operator;
use alga_auth::Authenticator;
use alga_execute::ExecuteService;
use alga_http::Refusal;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The parts of a process that stop when it drains.
#[derive(Clone, Default)]
pub(crate) struct Draining {
    /// True when the process is not ready any more.
    pub(crate) is_draining: Arc<AtomicBool>,
    pub(crate) runner: Option<Arc<ExecuteService>>,
}

impl Draining {
    pub(crate) fn begin(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        if let Some(runner) = &self.runner {
            runner.drain();
        }
    }
}

/// Builds the route.
pub(crate) fn router(draining: Draining, authenticator: Arc<Authenticator>) -> Router {
    Router::new()
        .route("/v1/drain", post(drain))
        .with_state((draining, authenticator))
}

async fn drain(
    State((draining, authenticator)): State<(Draining, Arc<Authenticator>)>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let operator = ensure_operator(&authenticator, &headers).await?;
    tracing::info!(operator = %operator.actor(), "draining");
    draining.begin();
    Ok((StatusCode::ACCEPTED, Json(json!({ "draining": true }))))
}
