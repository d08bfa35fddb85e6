//! `POST /v1/warmup`: loads a component before the first request for it. The service token names
//! content and grants; the body `{content_hash}` must name the same content.

use crate::guest_request::bad_request;
use crate::service::ExecuteService;
use crate::session::Session;
use alga_bundle::{Digest, read_json};
use alga_errors::{Code, Problem};
use alga_http::{BODY_TIMEOUT, Refusal, bearer, read_body};
use axum::Json;
use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Maximum bytes of the body.
const WARM_UP_BYTES: usize = 4096;
/// Time for loading, which may include the compilation of several components.
const LONGEST: Duration = Duration::from_mins(10);

/// Body of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WarmUp {
    content_hash: Digest,
}

/// Body of the response.
#[derive(Serialize)]
pub(crate) struct WarmedUp {
    content_hash: Digest,
    /// True if the component was not loaded before.
    cold: bool,
    duration_us: u64,
}

/// Handles the route.
pub(crate) async fn warm_up(
    State(service): State<Arc<ExecuteService>>,
    request: Request,
) -> Result<Json<WarmedUp>, Refusal> {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let unauthenticated = || Problem::new(Code::Unauthenticated, "a valid service token is required");
    let session = service.authenticate(bearer(&head.headers).ok_or_else(unauthenticated)?)?;
    let bytes = read_body(&head.headers, body, WARM_UP_BYTES, BODY_TIMEOUT).await?;
    let WarmUp { content_hash } = read_json(&bytes).map_err(|error| bad_request(format!("the body: {error}")))?;
    if content_hash != session.grant.content_hash {
        let message = "the service token is for another content hash";
        return Err(Problem::new(Code::ContextMismatch, message).into());
    }
    let cold = service.load(&session).await?;
    Ok(Json(WarmedUp {
        content_hash,
        cold,
        duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    }))
}

impl ExecuteService {
    /// Loads the component of a session; returns whether that was new.
    ///
    /// # Errors
    /// Returns the [`Problem`] if it cannot be loaded.
    pub async fn load(self: &Arc<Self>, session: &Session) -> Result<bool, Problem> {
        let loader = &self.dependencies.loader;
        let loading = loader.prepare(session.grant.content_hash, session.grants, &session.held);
        let too_late = |_| Problem::new(Code::DeadlineExceeded, "the component was not loaded in time");
        let (_, cold) = timeout(LONGEST, loading).await.map_err(too_late)??;
        Ok(cold)
    }
}
