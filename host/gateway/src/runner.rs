//! The way to the runner: its routes in this process, called as a service. What goes over it is the contract's JSON and a service token, the same
//! as over a socket.

use alga_auth::{ServiceGrant, TokenError, TokenIssuer};
use alga_bundle::InstallId;
use alga_errors::Problem;
use alga_store::Install;
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// How long a service token is used again. Less than it is valid, so that it never expires on its way.
const TOKEN_USE: Duration = Duration::from_secs(30);
/// Tokens that are kept.
const TOKENS: u64 = 50_000;

/// Calls the runner.
pub struct RunnerLink {
    routes: Router,
    issuer: TokenIssuer,
    tokens: Cache<(InstallId, Arc<str>), Arc<str>>,
}

/// A request for the runner.
pub(crate) struct RunnerRequest<'a> {
    pub(crate) install: &'a Install,
    pub(crate) request_id: &'a str,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) json: Vec<u8>,
}

impl RunnerLink {
    /// A runner whose routes are in this process.
    #[must_use]
    pub fn new(routes: Router, issuer: TokenIssuer) -> Self {
        Self {
            routes,
            issuer,
            tokens: Cache::builder().max_capacity(TOKENS).time_to_live(TOKEN_USE).build(),
        }
    }

    /// The runner's status and JSON.
    pub(crate) async fn execute(&self, call: RunnerRequest<'_>) -> Result<(StatusCode, Bytes), Problem> {
        let request = self.request(call)?;
        let response = match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let bytes = to_bytes(response.into_body(), alga_execute::limits::WIRE_BYTES)
            .await
            .map_err(Problem::internal)?;
        Ok((status, bytes))
    }

    fn request(&self, call: RunnerRequest<'_>) -> Result<Request<Body>, Problem> {
        let token = self.token(call.install).map_err(Problem::internal)?;
        let builder = Request::post("/v1/execute")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("x-request-id", call.request_id)
            .header("x-alga-tenant", call.install.tenant_id.as_str())
            .header("x-alga-extension", call.install.extension_id.as_str());
        let builder = match call.idempotency_key {
            Some(key) => builder.header("x-idempotency-key", key),
            None => builder,
        };
        builder.body(Body::from(call.json)).map_err(Problem::internal)
    }

    /// A token for exactly this install as it is now: another version, other grants or other hosts make another token.
    fn token(&self, install: &Install) -> Result<Arc<str>, TokenError> {
        let grants: Vec<_> = install.grants.iter().cloned().collect();
        let state: String = grants
            .iter()
            .map(|name| format!("{name} "))
            .chain(install.egress.iter().map(|host| format!("{host} ")))
            .chain([install.content_hash.to_string()])
            .collect();
        let key = (install.id.clone(), Arc::from(state));
        if let Some(token) = self.tokens.get(&key) {
            return Ok(token);
        }
        let grant = ServiceGrant {
            tenant_id: install.tenant_id.clone(),
            extension_id: install.extension_id.clone(),
            install_id: install.id.clone(),
            version_id: install.version_id.clone(),
            content_hash: install.content_hash,
            grants,
            egress: install.egress.clone(),
        };
        let token: Arc<str> = self.issuer.issue(&grant, ServiceGrant::LONGEST)?.into();
        self.tokens.insert(key, Arc::clone(&token));
        Ok(token)
    }
}
