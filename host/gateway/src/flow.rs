//! The way of a request, one step for each question.

use crate::endpoints::{check_path, find};
use crate::headers::{for_client, for_guest};
use crate::runner::RunnerRequest;
use crate::{Authentication, Installs, RunnerLink};
use alga_auth::{Access, Caller, UserType};
use alga_bundle::{Endpoint, EndpointAccess, Manifest, Method as EndpointMethod, RequestId, TenantId};
use alga_errors::{Code, Problem, chain};
use alga_execute::limits::{BODY_BYTES, BODY_TIMEOUT};
use alga_execute::{Usage, WireContext, WireHttp, WireLimits, WireReply, WireRequest, WireUser};
use alga_store::Install;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TENANT: HeaderName = HeaderName::from_static("x-alga-tenant");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// What a request may cost at the gateway.
#[derive(Debug, Clone, Copy)]
pub struct GatewayLimits {
    /// Time for a request that its endpoint does not limit further.
    pub timeout: Duration,
    /// Requests of one tenant in a second, after a burst of twice as many.
    pub requests_per_second: NonZeroU32,
}

/// What the gateway works with.
pub struct GatewayParts {
    /// Who calls.
    pub authentication: Authentication,
    /// Which install.
    pub installs: Installs,
    /// The runner.
    pub runner: RunnerLink,
    /// What a request may cost.
    pub limits: GatewayLimits,
}

struct Gateway {
    parts: GatewayParts,
    rate: DefaultKeyedRateLimiter<TenantId>,
}

/// The gateway's routes.
pub fn router(parts: GatewayParts) -> Router {
    let per_second = parts.limits.requests_per_second;
    let quota = Quota::per_second(per_second).allow_burst(per_second.saturating_add(per_second.get()));
    let gateway = Arc::new(Gateway {
        parts,
        rate: DefaultKeyedRateLimiter::keyed(quota),
    });
    let with_path = any(
        |State(gateway): State<Arc<Gateway>>, Path((extension, _)): Path<(String, String)>, request: Request| async move {
            gateway.handle(&extension, request).await
        },
    );
    let without_path = any(
        |State(gateway): State<Arc<Gateway>>, Path(extension): Path<String>, request: Request| async move {
            gateway.handle(&extension, request).await
        },
    );
    Router::new()
        .route("/api/ext/{extension}/{*path}", with_path.clone())
        .route("/api/ext-proxy/{extension}/{*path}", with_path)
        .route("/api/ext/{extension}", without_path.clone())
        .route("/api/ext-proxy/{extension}", without_path.clone())
        .route("/api/ext/{extension}/", without_path.clone())
        .route("/api/ext-proxy/{extension}/", without_path)
        .with_state(gateway)
}

impl Gateway {
    async fn handle(&self, extension: &str, request: Request) -> Response {
        // The client's id is kept if it is one; it is the same in every log from here to the guest.
        let sent = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        let request_id: RequestId = sent.unwrap_or_else(RequestId::unique);
        let answer = self.answer(extension, request, &request_id).await;
        let mut response = answer.unwrap_or_else(|problem| refused(&problem, &request_id));
        if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }

    /// 1. who, 2. which tenant, 3. which install, 4. which endpoint, 5. may it, 6. not too often, 7. not too large, 8. execute.
    async fn answer(&self, extension: &str, request: Request, request_id: &RequestId) -> Result<Response, Problem> {
        let (head, body) = request.into_parts();
        // 1.
        let caller = self.parts.authentication.caller(&head.headers)?;
        // 2.
        check_tenant(&head.headers, &caller)?;
        // 3.
        let install = self.parts.installs.find(&caller.tenant_id, extension).await?;
        // 4.
        let path = path_below(head.uri.path())?;
        if head.method == Method::OPTIONS {
            return Ok(options(&install, path));
        }
        let endpoint = find(&install.manifest, &head.method, path)?;
        // 5.
        check_access(&caller, &install.manifest, endpoint)?;
        // 6.
        self.check_rate(&caller.tenant_id)?;
        // 7.
        let body = read_body(&head.headers, body).await?;
        // 8.
        let json = self.wire_request(&caller, &install, endpoint, &head, path, &body, request_id)?;
        let idempotency_key = head.headers.get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok());
        let call = RunnerRequest {
            install: &install,
            request_id: request_id.as_str(),
            idempotency_key,
            json,
        };
        let (status, reply) = self.parts.runner.execute(call).await?;
        to_client(status, &reply, endpoint)
    }

    fn check_rate(&self, tenant: &TenantId) -> Result<(), Problem> {
        self.rate.check_key(tenant).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            Problem::new(Code::RateLimited, "this tenant sends more requests than it may").retry_after_seconds(seconds)
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is one part of the request that is written"
    )]
    fn wire_request(
        &self,
        caller: &Caller,
        install: &Install,
        endpoint: &Endpoint,
        head: &http::request::Parts,
        path: &str,
        body: &Bytes,
        request_id: &RequestId,
    ) -> Result<Vec<u8>, Problem> {
        let gateway_ms = u64::try_from(self.parts.limits.timeout.as_millis()).unwrap_or(u64::MAX);
        let install_ms = install.limits.timeout_ms;
        let declared_ms = endpoint.timeout_ms.into_iter().chain(install_ms).min();
        let timeout_ms = declared_ms.map_or(gateway_ms, |declared_ms| gateway_ms.min(u64::from(declared_ms)));
        let memory_mb = install.limits.memory_mb.map(u64::from);
        let method = if head.method == Method::HEAD {
            "GET"
        } else {
            head.method.as_str()
        };
        let wire = WireRequest {
            context: WireContext {
                request_id: Some(request_id.as_str().into()),
                tenant_id: install.tenant_id.as_str().into(),
                extension_id: install.extension_id.as_str().into(),
                install_id: Some(install.id.as_str().into()),
                version_id: Some(install.version_id.as_str().into()),
                content_hash: install.content_hash.to_string().into(),
                config: install.config.clone(),
                ..WireContext::default()
            },
            http: WireHttp {
                method: method.into(),
                path: path.into(),
                query: Vec::new(),
                query_string: head.uri.query().map(Cow::Borrowed),
                headers: for_guest(&head.headers, install.tenant_id.as_str(), install.extension_id.as_str()),
                body_b64: (!body.is_empty()).then(|| STANDARD.encode(body).into()),
            },
            limits: WireLimits {
                timeout_ms: Some(timeout_ms),
                memory_mb,
            },
            config: None,
            providers: None,
            user: Some(user(caller)),
        };
        serde_json::to_vec(&wire).map_err(Problem::internal)
    }
}

fn user(caller: &Caller) -> WireUser<'_> {
    WireUser {
        user_id: caller.user_id.as_str().into(),
        user_email: caller.user_email.as_str().into(),
        user_name: caller.user_name.as_str().into(),
        user_type: match caller.user_type {
            UserType::Internal => "internal".into(),
            UserType::Client => "client".into(),
        },
        client_id: caller.client_id.as_deref().map(Cow::Borrowed),
        client_name: caller.client_name.as_deref().map(Cow::Borrowed),
        additional_fields: caller.additional_fields.clone(),
    }
}

/// A client may say its tenant; it may not say another one.
fn check_tenant(headers: &HeaderMap, caller: &Caller) -> Result<(), Problem> {
    let disagrees = headers
        .get_all(TENANT)
        .iter()
        .any(|value| value.as_bytes() != caller.tenant_id.as_str().as_bytes());
    if disagrees {
        Err(Problem::new(
            Code::ContextMismatch,
            "x-alga-tenant is not the tenant of the token",
        ))
    } else {
        Ok(())
    }
}

/// The path that the guest sees: what follows the extension's segment, as the client wrote it.
fn path_below(path: &str) -> Result<&str, Problem> {
    let below = path
        .match_indices('/')
        .nth(3)
        .and_then(|(position, _)| path.get(position..))
        .unwrap_or("/");
    check_path(below)?;
    Ok(below)
}

/// The place in a customer's portal (contract: client-portal users only with this hook).
const PORTAL_HOOK: &str = "clientPortalMenu";

/// `extension:read` for GET and HEAD, `extension:write` otherwise, unless the endpoint says which. Customers of a tenant reach extensions that
/// have a place in their portal, and no others.
fn check_access(caller: &Caller, manifest: &Manifest, endpoint: &Endpoint) -> Result<(), Problem> {
    let needed = match (endpoint.auth, endpoint.method) {
        (Some(EndpointAccess::Read), _) | (None, EndpointMethod::Get) => Access::Read,
        (Some(EndpointAccess::Write) | None, _) => Access::Write,
    };
    let in_portal = || {
        manifest
            .ui
            .as_ref()
            .is_some_and(|ui| ui.hooks.contains_key(PORTAL_HOOK))
    };
    if caller.access < needed || (caller.user_type == UserType::Client && !in_portal()) {
        return Err(Problem::new(
            Code::Forbidden,
            "this user may not do this with extensions",
        ));
    }
    Ok(())
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Code::PayloadTooLarge,
            format!("the body has more than {BODY_BYTES} bytes"),
        )
    };
    let said: Option<usize> = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    if said.is_some_and(|bytes| bytes > BODY_BYTES) {
        return Err(too_large());
    }
    let arrived = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES)).await;
    let arrived = arrived.map_err(|_| Problem::new(Code::BadRequest, "the body did not arrive in time"))?;
    arrived.map_err(|error| too_large().caused_by(error))
}

fn options(install: &Install, path: &str) -> Response {
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let allowed: Vec<_> = methods
        .into_iter()
        .filter(|method| find(&install.manifest, method, path).is_ok())
        .map(|method| method.to_string())
        .collect();
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// The runner's answer as HTTP.
fn to_client(status: StatusCode, reply: &Bytes, endpoint: &Endpoint) -> Result<Response, Problem> {
    let reply: WireReply<'_> = serde_json::from_slice(reply).map_err(Problem::internal)?;
    if let Some(error) = reply.error {
        let code = Code::ALL
            .iter()
            .find(|code| code.as_str() == error.code)
            .copied()
            .unwrap_or(Code::Internal);
        let problem = Problem::new(code, error.message);
        let problem = if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            problem.retry_after_seconds(1)
        } else {
            problem
        };
        return Err(match error.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        });
    }
    let body = reply
        .body_b64
        .as_deref()
        .map(|body| STANDARD.decode(body))
        .transpose()
        .map_err(Problem::internal)?;
    let mut response = Response::new(Body::from(body.unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(reply.status).map_err(Problem::internal)?;
    *response.headers_mut() = for_client(&reply.headers, endpoint.cacheable);
    if let Ok(value) = HeaderValue::from_str(&server_timing(&reply.usage)) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("server-timing"), value);
    }
    Ok(response)
}

/// What the execution cost, for browsers and `alga call` (W3C Server Timing): milliseconds, and the peak of memory in bytes.
fn server_timing(usage: &Usage) -> String {
    let milliseconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64() * 1000.0;
    let (total, cpu) = (milliseconds(usage.duration_us), milliseconds(usage.cpu_us));
    format!(
        "total;dur={total:.3}, cpu;dur={cpu:.3}, memory;desc=\"{}\"",
        usage.memory_peak_bytes
    )
}

fn refused(problem: &Problem, request_id: &RequestId) -> Response {
    tracing::info!(target: "alga::gateway", request = %request_id, code = problem.code().as_str(), cause = %chain(problem), "refused");
    let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(problem.client_body(request_id.as_str()))).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
