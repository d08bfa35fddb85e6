//! Sending a request, step by step.

use crate::body::{BodyTerms, InFlightRequest, RequestBody, ResponseBody};
use crate::dial::{CONCURRENT_LOOKUPS, CONNECT_TIMEOUT, GuardedConnector, TimeoutConnector};
use crate::metered::ConnectionActivity;
use crate::received::Received;
use crate::traffic::REQUEST_BYTES;
use crate::{BodyError, Destination, EgressError, OperatorPolicy, Resolve, Traffic, Upstream};
use alga_bundle::{EgressPattern, InstallId, TenantId};
use alga_http::policy::{field_bytes, inbound_response, outbound_request};
use alga_limits::{HEADER_BYTES, HEADERS};
use alga_traces::{Span, SpanKind, TRACEPARENT, method_name};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// Time for which an idle connection stays open for the next request.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);
/// Idle connections per origin of one install.
const IDLE_CONNECTIONS: usize = 2;
/// Concurrent requests of one install, in this process.
const REQUESTS_AT_ONCE: usize = 64;
/// Installs whose connections are cached.
const CALLERS: u64 = 10_000;
/// Time after which the connections of an install without requests are evicted.
const IDLE_CALLER: Duration = Duration::from_secs(120);
/// TLS sessions cached for one install; installs never share them.
const TLS_SESSIONS: usize = 16;
/// Bytes of a response head that hyper buffers.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that HTTP/2 reads ahead of a guest, per stream and per connection: less than the
/// `IDLE_BYTES` of a connection.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Maximum time for the response head and between body data; a guest may set less.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The origin of a request. Connections are never shared between two callers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An extension that is installed for a tenant.
    Install(TenantId, InstallId),
    /// The platform itself, for an extension of this tenant.
    Platform(TenantId),
}

/// Timeouts of a request; the deadline limits each of them.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Time to establish the connection.
    pub connect: Duration,
    /// Time until the response head arrives.
    pub response: Duration,
    /// Time between two frames of the response body.
    pub between: Duration,
    /// Time by which the whole exchange must end.
    pub deadline: Instant,
}

impl Timeouts {
    /// The default timeouts, with a deadline.
    #[must_use]
    pub fn until(deadline: std::time::Instant) -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            response: RESPONSE_TIMEOUT,
            between: RESPONSE_TIMEOUT,
            deadline: deadline.into(),
        }
    }
}

/// Dependencies and configuration of [`Egress`].
pub struct EgressDependencies {
    /// The operator's egress policy.
    pub operator: OperatorPolicy,
    /// Resolver of host names.
    pub resolver: Arc<dyn Resolve>,
    /// Additional trusted CA certificates in DER, beside the public ones (Mozilla's root program).
    pub authorities: Vec<Vec<u8>>,
    /// Responds in place of the network, in tests of extensions.
    pub upstream: Option<Arc<dyn Upstream>>,
}

/// The egress client, one per process.
pub struct Egress {
    operator: Arc<OperatorPolicy>,
    resolver: Arc<dyn Resolve>,
    tls: ClientConfig,
    callers: Cache<Caller, Arc<Connections>>,
    /// Permits for concurrent DNS lookups, per tenant.
    lookups: Cache<TenantId, Arc<Semaphore>>,
    upstream: Option<Arc<dyn Upstream>>,
}

struct Connections {
    client: Client<TimeoutConnector<HttpsConnector<GuardedConnector>>, RequestBody>,
    permits: Arc<Semaphore>,
}

/// A destination that its caller may reach. Only [`Egress`] can create one, after its checks.
#[derive(Debug, Clone)]
pub struct AuthorizedDestination {
    caller: Caller,
    destination: Destination,
}

impl AuthorizedDestination {
    /// The destination that was authorized.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }
}

impl Egress {
    /// Creates a client without any connection.
    ///
    /// # Errors
    /// Returns [`rustls::Error`] if a CA certificate is invalid, or if TLS cannot be configured.
    pub fn new(dependencies: EgressDependencies) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        for authority in dependencies.authorities {
            roots.add(CertificateDer::from(authority))?;
        }
        for exception in dependencies.operator.exceptions() {
            tracing::warn!(target: "alga::egress", exception, "an operator's exception lets extensions reach private addresses");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let callers = Cache::builder()
            .max_capacity(CALLERS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(IDLE_CALLER)
            .build();
        Ok(Self {
            operator: Arc::new(dependencies.operator),
            resolver: dependencies.resolver,
            upstream: dependencies.upstream,
            tls,
            callers,
            lookups: Cache::builder()
                .max_capacity(CALLERS)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(IDLE_CALLER)
                .build(),
        })
    }

    /// Authorizes a request of an extension. Checks, in order: 1. the target is valid, 2. the
    /// manifest declares it, 3. the tenant allows it, 4. the operator allows it.
    ///
    /// # Errors
    /// Returns [`EgressError::Target`], [`EgressError::Undeclared`], [`EgressError::NotAllowed`],
    /// or [`EgressError::InternalName`] and [`EgressError::NotAllowedByOperator`], for the check
    /// that failed. The text names the setting that would allow the request, if there is one.
    pub fn authorize(
        &self,
        caller: Caller,
        uri: &Uri,
        declared: &[EgressPattern],
        allowed: &BTreeSet<EgressPattern>,
    ) -> Result<AuthorizedDestination, EgressError> {
        // 1.
        let destination = Destination::of(uri)?;
        let Destination { is_tls, host, port } = &destination;
        let allows = |pattern: &EgressPattern| pattern.allows(*is_tls, host, *port);
        // 2.
        if !declared.iter().any(allows) {
            return Err(EgressError::Undeclared(destination.pattern()));
        }
        // 3.
        if !allowed.iter().any(allows) {
            return Err(EgressError::NotAllowed(destination.pattern()));
        }
        // 4.
        self.permit_operator(caller, destination)
    }

    /// Authorizes a request of the platform itself, for destinations that only the operator
    /// chooses.
    ///
    /// # Errors
    /// Returns [`EgressError::InternalName`] or [`EgressError::NotAllowedByOperator`] if the
    /// operator's policy does not allow the destination.
    pub fn permit_platform(
        &self,
        tenant: TenantId,
        destination: &Destination,
    ) -> Result<AuthorizedDestination, EgressError> {
        self.permit_operator(Caller::Platform(tenant), destination.clone())
    }

    fn permit_operator(&self, caller: Caller, destination: Destination) -> Result<AuthorizedDestination, EgressError> {
        if self.operator.is_internal_name(&destination.host, destination.port) {
            return Err(EgressError::InternalName(destination.host));
        }
        if !self.operator.allows(&destination) {
            return Err(EgressError::NotAllowedByOperator(destination.pattern()));
        }
        Ok(AuthorizedDestination { caller, destination })
    }

    /// Sends a request in a span of its own, which ends when the head of the response is there.
    ///
    /// # Errors
    /// Returns [`EgressError`] if a limit or a rule refuses the request or its response, or if the
    /// exchange fails or times out.
    pub async fn send(
        &self,
        permitted: &AuthorizedDestination,
        request: Request<UnsyncBoxBody<Bytes, BodyError>>,
        traffic: &Traffic,
        patience: Timeouts,
    ) -> Result<Response<ResponseBody>, EgressError> {
        let mut span = traffic.trace().map(|trace| {
            let name = method_name(request.method());
            begin_span(trace.child(name, SpanKind::Client), &permitted.destination, &request)
        });
        let traceparent = span.as_ref().map(|span| span.place().traceparent());
        let sent = self
            .send_untraced(permitted, request, traffic, patience, traceparent)
            .await;
        if let Some(span) = &mut span {
            end_span(span, &sent);
        }
        sent
    }

    /// Sends a request: 1. acquires its permits, 2. sanitizes the request, 3. connects and waits
    /// for the response head, 4. sanitizes the response and limits its body.
    async fn send_untraced(
        &self,
        permitted: &AuthorizedDestination,
        request: Request<UnsyncBoxBody<Bytes, BodyError>>,
        traffic: &Traffic,
        patience: Timeouts,
        traceparent: Option<HeaderValue>,
    ) -> Result<Response<ResponseBody>, EgressError> {
        // 1.
        let connections = self.connections(&permitted.caller);
        let permit = Arc::clone(&connections.permits).try_acquire_owned();
        let permit = permit.map_err(|_| {
            EgressError::TooMany("an install, or the platform for a tenant, has at most 64 concurrent requests")
        })?;
        let exchange = InFlightRequest::new([traffic.begin()?, permit]);
        // 2.
        let mut request = prepared(&permitted.destination, request, traffic, &exchange)?;
        if let Some(traceparent) = traceparent {
            request.headers_mut().insert(TRACEPARENT, traceparent);
        }
        let sent = field_bytes(request.headers())
            + request
                .uri()
                .path_and_query()
                .map_or(0, |target| target.as_str().len() as u64);
        traffic.send(sent).map_err(EgressError::TooMany)?;
        // 3.
        let patient = patience.connect.saturating_add(patience.response);
        let until = patience.deadline.min(Instant::now() + patient);
        let response = timeout(
            until.saturating_duration_since(Instant::now()),
            self.exchange(&connections, request),
        )
        .await;
        let response = response.map_err(|_| EgressError::ResponseTimeout)??;
        // 4.
        let (mut head, body) = response.into_parts();
        let idle = head.extensions.remove::<ConnectionActivity>();
        if let Some(idle) = &idle {
            idle.reset();
        }
        exchange.attach_connection(idle.clone());
        let terms = BodyTerms {
            traffic: traffic.clone(),
            idle,
            between: patience.between,
            deadline: patience.deadline,
            exchange,
        };
        // From here on, dropping the response body ends the exchange.
        let body = ResponseBody::new(body, terms);
        traffic
            .receive(field_bytes(&head.headers))
            .map_err(EgressError::TooMany)?;
        inbound_response(&mut head.headers).map_err(EgressError::ResponseHeader)?;
        Ok(Response::from_parts(head, body))
    }

    async fn exchange(
        &self,
        connections: &Connections,
        request: Request<RequestBody>,
    ) -> Result<Response<Received>, EgressError> {
        if let Some(upstream) = &self.upstream {
            let response = upstream.respond(request).await?;
            return Ok(response.map(|body| Received::Upstream(Full::new(body))));
        }
        let response = connections.client.request(request).await;
        response
            .map(|response| response.map(Received::Network))
            .map_err(|error| failed(&error))
    }

    fn questions_of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        self.lookups
            .get_with_by_ref(tenant, || Arc::new(Semaphore::new(CONCURRENT_LOOKUPS)))
    }

    fn connections(&self, caller: &Caller) -> Arc<Connections> {
        // Looked up for every request, so that a tenant's permits are evicted only after a quiet
        // time.
        let lookups = match caller {
            Caller::Install(tenant, _) | Caller::Platform(tenant) => self.questions_of(tenant),
        };
        self.callers.get_with_by_ref(caller, || {
            let mut tls = self.tls.clone();
            tls.resumption = Resumption::in_memory_sessions(TLS_SESSIONS);
            let (operator, resolver) = (Arc::clone(&self.operator), Arc::clone(&self.resolver));
            let dial = match caller {
                Caller::Install(..) => GuardedConnector::new(operator, resolver, lookups),
                Caller::Platform(_) => GuardedConnector::for_platform(operator, resolver),
            };
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .enable_http2()
                .wrap_connector(dial);
            let connector = TimeoutConnector(connector);
            Arc::new(Connections {
                client: client(connector),
                permits: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            })
        })
    }
}

fn client(
    connector: TimeoutConnector<HttpsConnector<GuardedConnector>>,
) -> Client<TimeoutConnector<HttpsConnector<GuardedConnector>>, RequestBody> {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http1_max_headers(HEADERS)
        .http1_max_buf_size(READ_BUFFER_BYTES)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
        .build(connector)
}

/// Builds the request to send: target, header filter and length are set here, the rest is the
/// guest's.
fn prepared(
    destination: &Destination,
    request: Request<UnsyncBoxBody<Bytes, BodyError>>,
    traffic: &Traffic,
    exchange: &Arc<InFlightRequest>,
) -> Result<Request<RequestBody>, EgressError> {
    let (mut head, body) = request.into_parts();
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(EgressError::Target("CONNECT and TRACE are not sent"));
    }
    let length = outbound_request(&mut head.headers).map_err(EgressError::Field)?;
    if length.is_some_and(|length| length > REQUEST_BYTES) {
        return Err(EgressError::TooLarge("a request's body has at most 10 MiB"));
    }
    let body = RequestBody::new(body, traffic.clone(), length, Arc::clone(exchange));
    let mut request = Request::new(body);
    *request.uri_mut() = destination.uri(head.uri.path_and_query())?;
    *request.method_mut() = head.method;
    *request.headers_mut() = head.headers;
    Ok(request)
}

/// Adds what a request is to its span, by OpenTelemetry's semantic conventions for clients of HTTP;
/// without the path and the query, which may be secret.
fn begin_span<B>(mut span: Span, destination: &Destination, request: &Request<B>) -> Span {
    span.set("http.request.method", method_name(request.method()));
    span.set("url.scheme", if destination.is_tls { "https" } else { "http" });
    span.set_text("server.address", &destination.host);
    span.set("server.port", i64::from(destination.port));
    span
}

fn end_span(span: &mut Span, sent: &Result<Response<ResponseBody>, EgressError>) {
    match sent {
        Ok(response) => {
            let status = response.status();
            span.set("http.response.status_code", i64::from(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str().to_owned());
            }
        }
        Err(error) => span.fail(error.kind()),
    }
}

/// Maps a client error to the most specific cause in its chain.
fn failed(error: &ClientError) -> EgressError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<EgressError>() {
            return refused.clone();
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return EgressError::Tls(tls.to_string());
        }
        // `io::Error::source` skips the error that it wraps, so `get_ref` is used.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    if error.is_connect() {
        return EgressError::Connection("refused by the peer".to_owned());
    }
    EgressError::Protocol
}
