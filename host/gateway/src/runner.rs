//! Calls the runner: its routes are in this process and are called as a service, with the
//! contract's JSON and a service token, as over a socket.

use alga_auth::{ServiceGrant, TokenError, TokenIssuer};
use alga_bundle::InstallId;
use alga_errors::Problem;
use alga_store::InstallRow;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Time for which a service token is reused, by the clock that its verifier reads, too. Shorter
/// than its validity, so that it does not expire in flight.
const TOKEN_USE: SignedDuration = SignedDuration::from_secs(30);
/// Time for which a token is cached by the monotonic clock, whatever the system clock does.
const TOKEN_LIFE: Duration = Duration::from_secs(60);
/// Maximum number of cached tokens.
const TOKENS: u64 = 50_000;

/// Calls the runner with cached service tokens.
pub struct RunnerLink {
    routes: Router,
    issuer: TokenIssuer,
    tokens: Cache<TokenKey, Issued>,
}

/// Cache key of a token: an install, and the state of it that the token contains.
type TokenKey = (InstallId, Arc<str>);

/// A token, and the time at which it was issued.
#[derive(Clone)]
struct Issued {
    token: Arc<str>,
    at: Timestamp,
}

impl Issued {
    /// True if the token is recent by the current clock, wherever that was set to since. After a
    /// clock was set back, the token is from the future, and its verifier would refuse it, too.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        age >= SignedDuration::ZERO && age < TOKEN_USE
    }
}

/// A request for the runner.
pub(crate) struct RunnerRequest<'a> {
    pub(crate) install: &'a InstallRow,
    pub(crate) request_id: &'a str,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) json: Bytes,
}

impl RunnerLink {
    /// Creates a link to a runner whose routes are in this process.
    #[must_use]
    pub fn new(routes: Router, issuer: TokenIssuer) -> Self {
        Self {
            routes,
            issuer,
            tokens: Cache::builder().max_capacity(TOKENS).time_to_live(TOKEN_LIFE).build(),
        }
    }

    /// Returns the runner's status, its `retry-after` and its JSON. A token that the runner refuses
    /// is issued anew, once: the two may disagree about the time.
    pub(crate) async fn execute(&self, call: RunnerRequest<'_>) -> Result<(StatusCode, Option<u32>, Bytes), Problem> {
        let key = token_key(call.install);
        let token = self.token(&key, call.install).map_err(Problem::internal)?;
        let response = self.send(request(&call, &token)?).await;
        let response = if response.status() == StatusCode::UNAUTHORIZED {
            self.tokens.invalidate(&key);
            let token = self.token(&key, call.install).map_err(Problem::internal)?;
            self.send(request(&call, &token)?).await
        } else {
            response
        };
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = to_bytes(response.into_body(), alga_execute::limits::WIRE_BYTES)
            .await
            .map_err(Problem::internal)?;
        Ok((status, retry_after, bytes))
    }

    async fn send(&self, request: Request<Body>) -> Response {
        match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Returns a token for exactly the present state of this install.
    fn token(&self, key: &TokenKey, install: &InstallRow) -> Result<Arc<str>, TokenError> {
        let now = Timestamp::now();
        if let Some(issued) = self.tokens.get(key).filter(|issued| issued.is_fresh(now)) {
            return Ok(issued.token);
        }
        let grant = ServiceGrant {
            tenant_id: install.tenant_id.clone(),
            extension_id: install.extension_id.clone(),
            install_id: install.id.clone(),
            version_id: install.version_id.clone(),
            content_hash: install.content_hash,
            grants: install.grants.iter().cloned().collect(),
            egress: install.egress.clone(),
        };
        let token: Arc<str> = self.issuer.issue(&grant, ServiceGrant::LONGEST)?.into();
        let issued = Issued {
            token: Arc::clone(&token),
            at: now,
        };
        self.tokens.insert(key.clone(), issued);
        Ok(token)
    }
}

/// Returns the cache key of an install's token: another version, other grants or other hosts need
/// another token.
fn token_key(install: &InstallRow) -> TokenKey {
    let grants = install.grants.iter().map(|name| format!("{name} "));
    let state: String = grants
        .chain(install.egress.iter().map(|host| format!("{host} ")))
        .chain([install.content_hash.to_string()])
        .collect();
    (install.id.clone(), Arc::from(state))
}

fn request(call: &RunnerRequest<'_>, token: &str) -> Result<Request<Body>, Problem> {
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
    builder.body(Body::from(call.json.clone())).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_token_is_stale_after_a_clock_step_in_either_direction() {
        let at = Timestamp::now();
        let issued = Issued { token: "t".into(), at };
        let fresh = |seconds| issued.is_fresh(at + SignedDuration::from_secs(seconds));
        assert!(fresh(0) && fresh(29));
        assert!(!fresh(30) && !fresh(120) && !fresh(-1) && !fresh(-86_400));
    }
}
