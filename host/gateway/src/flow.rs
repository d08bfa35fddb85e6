//! Handles a request, step by step.

use crate::installs::Resolved;
use crate::reply::to_client;
use crate::runner::RunnerRequest;
use crate::{Authentication, Installs, RunnerLink};
use alga_auth::{Access, Caller, UserType};
use alga_bundle::{Endpoint, EndpointAccess, Manifest, Method as EndpointMethod, RequestId, TenantId};
use alga_errors::{Code, Problem};
use alga_execute::{WireContext, WireHttp, WireLimits, WireRequest, WireUser, wire_headers};
use alga_http::policy::request_to_guest;
use alga_http::{BODY_TIMEOUT, Refusal, canonical_path, one_field, read_body, request_id};
use alga_limits::BODY_BYTES;
use alga_store::InstallRow;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::header::{ALLOW, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;

const TENANT: HeaderName = HeaderName::from_static("x-alga-tenant");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// Limits of a request at the gateway.
#[derive(Debug, Clone, Copy)]
pub struct GatewayLimits {
    /// Time for a request that its endpoint does not limit further.
    pub timeout: Duration,
    /// Requests per second of one tenant, after a burst of twice as many.
    pub requests_per_second: NonZeroU32,
}

/// Dependencies of the gateway.
pub struct GatewayDependencies {
    /// Authenticates the caller.
    pub authentication: Authentication,
    /// Finds the install.
    pub installs: Installs,
    /// Calls the runner.
    pub runner: RunnerLink,
    /// Limits of a request.
    pub limits: GatewayLimits,
}

/// Adds the verified context to the request's span.
fn record(install: &InstallRow) {
    let span = Span::current();
    span.record("tenant", install.tenant_id.as_str());
    span.record("extension", install.name.as_str());
    span.record("install", install.id.as_str());
}

struct Gateway {
    dependencies: GatewayDependencies,
    rate: DefaultKeyedRateLimiter<TenantId>,
}

/// Builds the gateway's routes.
pub fn router(dependencies: GatewayDependencies) -> Router {
    let per_second = dependencies.limits.requests_per_second;
    let quota = Quota::per_second(per_second).allow_burst(per_second.saturating_add(per_second.get()));
    let gateway = Arc::new(Gateway {
        dependencies,
        rate: DefaultKeyedRateLimiter::keyed(quota),
    });
    let handle =
        any(|State(gateway): State<Arc<Gateway>>, request: Request| async move { gateway.handle(request).await });
    let mut router = Router::new();
    for prefix in ["/api/ext", "/api/ext-proxy"] {
        router = router
            .route(&format!("{prefix}/{{extension}}"), handle.clone())
            .route(&format!("{prefix}/{{extension}}/"), handle.clone())
            .route(&format!("{prefix}/{{extension}}/{{*path}}"), handle.clone());
    }
    router.with_state(gateway)
}

impl Gateway {
    async fn handle(&self, request: Request) -> Response {
        // The edge middleware ensured a valid id; it is the same in every log from here to the
        // guest.
        let request_id = request_id(request.headers());
        let response = self.respond(request, &request_id).await;
        response.unwrap_or_else(|problem| Refusal(problem).into_response())
    }

    /// Handles a request: 1. authenticate the caller, 2. check the tenant, 3. find the install, 4.
    /// find the endpoint, 5. check the access, 6. check the rate, 7. read the body within its
    /// limit, 8. execute.
    async fn respond(&self, request: Request, request_id: &RequestId) -> Result<Response, Problem> {
        let (head, body) = request.into_parts();
        // 1.
        let caller = self.dependencies.authentication.caller(&head.headers)?;
        // 2.
        check_tenant(&head.headers, &caller)?;
        // 3.
        let (extension, path) = target(head.uri.path())?;
        let resolved = self.dependencies.installs.find(&caller.tenant_id, &extension).await?;
        let Resolved { install, endpoints } = &*resolved;
        record(install);
        // 4.
        if head.method == Method::OPTIONS {
            return Ok(options(&endpoints.methods(&path)));
        }
        let endpoint = match endpoints.find(&install.manifest, &head.method, &path) {
            Ok(endpoint) => endpoint,
            Err(problem) => {
                return Ok(with_allowed(
                    Refusal(problem).into_response(),
                    &endpoints.methods(&path),
                ));
            }
        };
        // 5.
        check_access(&caller, &install.manifest, endpoint)?;
        let idempotency_key = one_field(&head.headers, &IDEMPOTENCY_KEY)?;
        // 6.
        self.check_rate(&caller.tenant_id)?;
        // 7.
        let body = read_body(&head.headers, body, BODY_BYTES, BODY_TIMEOUT).await?;
        // 8.
        let json = self.wire_request(&caller, install, endpoint, &head, &path, &body, request_id)?;
        let call = RunnerRequest {
            install,
            request_id: request_id.as_str(),
            idempotency_key,
            json,
        };
        let (status, retry_after, reply) = self.dependencies.runner.execute(call).await?;
        to_client(
            status,
            retry_after,
            &reply,
            endpoint,
            &head.method,
            head.headers.get(HOST),
        )
    }

    fn check_rate(&self, tenant: &TenantId) -> Result<(), Problem> {
        self.rate.check_key(tenant).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            Problem::new(Code::RateLimited, "request rate limit of this tenant exceeded").retry_after_seconds(seconds)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "each is one part of the request to the runner")]
    fn wire_request(
        &self,
        caller: &Caller,
        install: &InstallRow,
        endpoint: &Endpoint,
        head: &http::request::Parts,
        path: &str,
        body: &Bytes,
        request_id: &RequestId,
    ) -> Result<Bytes, Problem> {
        let gateway_ms = u64::try_from(self.dependencies.limits.timeout.as_millis()).unwrap_or(u64::MAX);
        let install_ms = install.limits.timeout_ms;
        let declared_ms = endpoint.timeout_ms.into_iter().chain(install_ms).min();
        let timeout_ms = declared_ms.map_or(gateway_ms, |declared_ms| gateway_ms.min(u64::from(declared_ms)));
        let memory_mb = install.limits.memory_mb.map(u64::from);
        let method = if head.method == Method::HEAD {
            "GET"
        } else {
            head.method.as_str()
        };
        let passed = request_to_guest(&head.headers);
        let passed = passed.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let own_headers = [
            ("x-alga-tenant", install.tenant_id.as_str()),
            ("x-alga-extension", install.extension_id.as_str()),
        ];
        let own_headers = own_headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let (headers, headers_b64) = wire_headers(passed.chain(own_headers));
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
                headers,
                headers_b64,
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
        serde_json::to_vec(&wire).map(Bytes::from).map_err(Problem::internal)
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

/// Checks that a tenant header, if there is one, names the tenant of the token.
fn check_tenant(headers: &HeaderMap, caller: &Caller) -> Result<(), Problem> {
    match one_field(headers, &TENANT)? {
        Some(tenant) if tenant != caller.tenant_id.as_str() => Err(Problem::new(
            Code::ContextMismatch,
            "x-alga-tenant is not the tenant of the token",
        )),
        _ => Ok(()),
    }
}

/// Returns the extension's name and the path that the guest sees, both canonical.
fn target(path: &str) -> Result<(String, String), Problem> {
    let path = canonical_path(path).map_err(|error| Problem::new(Code::BadRequest, error.to_string()))?;
    let mut parts = path.splitn(5, '/').skip(3);
    let extension = parts.next().unwrap_or_default().to_owned();
    let below = format!("/{}", parts.next().unwrap_or_default());
    Ok((extension, below))
}

/// Hook for a menu item in the client portal (contract: client-portal users only with this hook).
const PORTAL_HOOK: &str = "clientPortalMenu";

/// Checks the caller's access: `extension:read` for GET and HEAD, `extension:write` otherwise,
/// unless the endpoint specifies one. Client-portal users reach only extensions with
/// [`PORTAL_HOOK`].
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
        return Err(Problem::new(Code::Forbidden, "this user may not call this endpoint"));
    }
    Ok(())
}

/// Responds to OPTIONS with the methods of a path. An endpoint that is not declared has none.
fn options(methods: &[&str]) -> Response {
    with_allowed(StatusCode::NO_CONTENT.into_response(), methods)
}

/// Adds the methods of a path as `allow` (RFC 9110, 15.5.6 and 10.2.1).
fn with_allowed(mut response: Response, methods: &[&str]) -> Response {
    if methods.is_empty() && response.status() != StatusCode::NO_CONTENT {
        return response;
    }
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
