//! Handles a request, step by step.

use crate::cors::CorsOrigins;
use crate::installs::Resolved;
use crate::rate::{Exceeded, RateLimits, Rates};
use crate::reply::to_client;
use crate::runner::{Runner, RunnerCall};
use crate::{Authentication, Installs};
use alga_auth::{Access, Caller, UserType};
use alga_bundle::{Endpoint, EndpointAccess, Manifest, Method as EndpointMethod, RequestId};
use alga_capabilities::PAGE_CALLS;
use alga_errors::{Code, Problem};
use alga_execute::RequestBody;
use alga_http::policy::request_to_guest;
use alga_http::{Refusal, canonical_path, one_field, request_id};
use alga_store::InstallRow;
use alga_traces::ParentSpan;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Span;

const TENANT: HeaderName = HeaderName::from_static("x-alga-tenant");
const EXTENSION: HeaderName = HeaderName::from_static("x-alga-extension");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// Limits of a request at the gateway.
#[derive(Debug, Clone)]
pub struct GatewayLimits {
    /// Time for a request that its endpoint does not limit further.
    pub timeout: Duration,
    /// Requests per second of a tenant, an install and an endpoint.
    pub rates: RateLimits,
    /// Origins whose scripts may send requests and read responses.
    pub origins: CorsOrigins,
}

/// Dependencies of the gateway.
pub struct GatewayDependencies {
    /// Authenticates the caller.
    pub authentication: Authentication,
    /// Finds the install.
    pub installs: Installs,
    /// Calls the runner.
    pub runner: Arc<dyn Runner>,
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

/// Prefix for callers of an extension.
const DIRECT: &str = "/api/ext";
/// Prefix for calls that a host application makes for an extension's page: only of an install with
/// the capability for them.
const FOR_PAGES: &str = "/api/ext-proxy";

struct Gateway {
    dependencies: GatewayDependencies,
    rates: Rates,
}

/// A request that passed the checks before its body is read.
struct PendingCall<'a> {
    resolved: &'a Arc<Resolved>,
    caller: &'a Arc<Caller>,
    endpoint: &'a Endpoint,
    path: &'a str,
    request_id: &'a RequestId,
    idempotency_key: Option<&'a str>,
    started: Instant,
}

/// Builds the gateway's routes.
pub fn router(dependencies: GatewayDependencies) -> Router {
    let gateway = Arc::new(Gateway {
        rates: Rates::new(dependencies.limits.rates),
        dependencies,
    });
    let handle =
        any(|State(gateway): State<Arc<Gateway>>, request: Request| async move { gateway.handle(request).await });
    let mut router = Router::new();
    for prefix in [DIRECT, FOR_PAGES] {
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
        let cors = self.dependencies.limits.origins.fields(request.headers());
        let response = self.respond(request, &request_id).await;
        let mut response = response.unwrap_or_else(|problem| Refusal(problem).into_response());
        cors.add(&mut response);
        response
    }

    /// Handles a request: 1. respond to a preflight of a browser, 2. authenticate the caller, 3.
    /// check the tenant, 4. find the install, 5. find the endpoint, 6. check the access, 7. check
    /// the rate, 8. receive the beginning of the body, 9. execute.
    async fn respond(&self, request: Request, request_id: &RequestId) -> Result<Response, Problem> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        // 1.
        if let Some(response) = self.dependencies.limits.origins.preflight(&head) {
            return Ok(response);
        }
        // 2.
        let caller = self.dependencies.authentication.caller(&head.headers).await?;
        // 3.
        check_tenant(&head.headers, &caller)?;
        // 4.
        let (extension, path) = target(head.uri.path())?;
        let installs = &self.dependencies.installs;
        let resolved = installs.find(&caller.tenant_id, &extension, &self.rates).await?;
        let Resolved { install, endpoints, .. } = &*resolved;
        record(install);
        // 5.
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
        // 6.
        check_access(&caller, &install.manifest, endpoint)?;
        check_page(head.uri.path(), install)?;
        let idempotency_key = one_field(&head.headers, &IDEMPOTENCY_KEY)?;
        // 7.
        let checked = self.rates.check(&caller.tenant_id, &install.id, endpoint);
        let (remaining, problem) = match checked {
            Ok(remaining) => (remaining, None),
            Err(Exceeded { remaining, problem }) => (remaining, Some(problem)),
        };
        let response = match problem {
            Some(exceeded) => Err(exceeded),
            None => {
                let call = PendingCall {
                    resolved: &resolved,
                    caller: &caller,
                    endpoint,
                    path: &path,
                    request_id,
                    idempotency_key,
                    started,
                };
                self.execute(call, &head, body).await
            }
        };
        let mut response = response.unwrap_or_else(|problem| Refusal(problem).into_response());
        response.headers_mut().extend(self.rates.fields(&remaining));
        Ok(response)
    }

    async fn execute(&self, pending: PendingCall<'_>, head: &Parts, body: Body) -> Result<Response, Problem> {
        // 8.
        let body = RequestBody::receive(&head.headers, body).await?;
        // 9.
        let install = &pending.resolved.install;
        let call = RunnerCall {
            resolved: pending.resolved,
            caller: pending.caller,
            request_id: pending.request_id.clone(),
            idempotency_key: pending.idempotency_key,
            timeout_ms: self.timeout_ms(install, pending.endpoint),
            http: guest_request(head, pending.path, install, body)?,
            is_cacheable: pending.endpoint.cacheable,
            started: pending.started,
        };
        let reply = self.dependencies.runner.execute(call).await?;
        to_client(reply, pending.endpoint, head).await
    }

    /// Returns the time limit of a call: the lowest of the gateway's, the endpoint's and the
    /// install's.
    fn timeout_ms(&self, install: &InstallRow, endpoint: &Endpoint) -> u64 {
        let gateway_ms = u64::try_from(self.dependencies.limits.timeout.as_millis()).unwrap_or(u64::MAX);
        let declared_ms = endpoint.timeout_ms.into_iter().chain(install.limits.timeout_ms).min();
        declared_ms.map_or(gateway_ms, |declared_ms| gateway_ms.min(u64::from(declared_ms)))
    }
}

/// Builds the request for the runner: the canonical path, and the fields that a guest may see.
fn guest_request(
    head: &Parts,
    path: &str,
    install: &InstallRow,
    body: RequestBody,
) -> Result<Request<RequestBody>, Problem> {
    let target = match head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let invalid = |_| Problem::new(Code::BadRequest, "the path or the query is not valid");
    let mut request = Request::new(body);
    // The guest handles HEAD as GET; the client gets the head of its response.
    *request.method_mut() = match head.method {
        Method::HEAD => Method::GET,
        _ => head.method.clone(),
    };
    *request.uri_mut() = target.parse().map_err(invalid)?;
    if let Some(trace) = head.extensions.get::<ParentSpan>() {
        trace.set_tenant(install.tenant_id.as_str());
        request.extensions_mut().insert(trace.clone());
    }
    let headers = request.headers_mut();
    for (name, value) in request_to_guest(&head.headers) {
        headers.append(name.clone(), value.into_owned());
    }
    for (name, value) in [
        (TENANT, install.tenant_id.as_str()),
        (EXTENSION, install.extension_id.as_str()),
    ] {
        headers.insert(name, HeaderValue::from_str(value).map_err(Problem::internal)?);
    }
    Ok(request)
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

/// Checks that pages of an install may call it, if the request is for a page.
fn check_page(path: &str, install: &InstallRow) -> Result<(), Problem> {
    let is_granted = || install.grants.iter().any(|grant| grant.as_str() == PAGE_CALLS.name);
    if !path.starts_with(FOR_PAGES) || is_granted() {
        return Ok(());
    }
    let message = format!(
        "pages of this install may not call it: `{}` is not granted",
        PAGE_CALLS.name
    );
    Err(Problem::new(Code::CapabilityDenied, message)
        .with_hint("declare it in the manifest, and grant it to the install"))
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
