//! The runner in this process: typed calls, without tokens, JSON and routes.

use crate::installs::Resolved;
use crate::runner::{Runner, RunnerCall, RunnerFuture, RunnerResponse};
use alga_capabilities::Trigger;
use alga_errors::Problem;
use alga_execute::{ExecuteService, ExecutionRequest, Session, user_of};
use axum::body::Body;
use std::sync::Arc;

/// Calls the execute service of this process.
pub struct LocalRunner {
    service: Arc<ExecuteService>,
}

impl LocalRunner {
    /// Creates a runner that calls this service.
    #[must_use]
    pub fn new(service: Arc<ExecuteService>) -> Self {
        Self { service }
    }

    /// Returns the session of an install, made once for each lookup of the install.
    fn session<'a>(&self, resolved: &'a Resolved) -> Result<&'a Arc<Session>, Problem> {
        if let Some(session) = resolved.session.get() {
            return Ok(session);
        }
        let session = self.service.session(resolved.grant()).map_err(Problem::internal)?;
        Ok(resolved.session.get_or_init(|| session))
    }

    async fn call(&self, call: RunnerCall<'_>) -> Result<RunnerResponse, Problem> {
        let session = self.session(call.resolved)?;
        let request = ExecutionRequest {
            request_id: call.request_id,
            user: Some(user_of(call.caller)),
            config: Arc::clone(&call.resolved.config),
            trigger: Trigger::Http,
            timeout_ms: Some(call.timeout_ms),
            memory_mb: call.resolved.memory_mb(),
            idempotency_key: call.idempotency_key.map(ToOwned::to_owned),
            http: call.http,
            started: call.started,
        };
        let response = self.service.execute(session, request).await;
        let response = response.map_err(|failed| failed.problem)?;
        Ok(RunnerResponse {
            usage: response.body().usage(),
            response: response.map(Body::new),
        })
    }
}

impl Runner for LocalRunner {
    fn execute<'a>(&'a self, call: RunnerCall<'a>) -> RunnerFuture<'a> {
        Box::pin(self.call(call))
    }
}
