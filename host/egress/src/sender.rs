//! The order in which a request is sent.

use crate::body::{BodyTerms, InFlightRequest, RequestBody, ResponseBody};
use crate::dial::{CONCURRENT_LOOKUPS, CONNECT_TIMEOUT, GuardedConnector, TimeoutConnector};
use crate::metered::ConnectionActivity;
use crate::traffic::REQUEST_BYTES;
use crate::{BodyError, Destination, EgressError, OperatorPolicy, Resolve, Traffic};
use alga_bundle::{EgressPattern, InstallId, TenantId};
use alga_http::policy::{field_bytes, inbound_response, outbound_request};
use alga_limits::{HEADER_BYTES, HEADERS};
use bytes::Bytes;
use http::{Method, Request, Response, Uri};
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

/// How long a connection is kept for the next request.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);
/// Connections kept for one origin of one install.
const IDLE_CONNECTIONS: usize = 2;
/// Requests of one install at the same time, in this process.
const REQUESTS_AT_ONCE: usize = 64;
/// Installs whose connections are kept.
const CALLERS: u64 = 10_000;
/// How long the connections of an install that calls nobody are kept.
const IDLE_CALLER: Duration = Duration::from_secs(120);
/// Sessions of TLS that are remembered for one install: never for two of them.
const TLS_SESSIONS: usize = 16;
/// Bytes that hyper holds of a response's head.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes of a stream and of a connection that HTTP/2 reads ahead of a guest: less than a connection may carry without an answer.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Between the parts of an answer, unless the guest wants less.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose request it is. Connections are never shared between two callers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An extension.
    Install(TenantId, InstallId),
    /// The platform itself, for an extension of this tenant.
    Platform(TenantId),
}

/// How long to wait; each is cut by the deadline.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the connection.
    pub connect: Duration,
    /// For the answer's head.
    pub answer: Duration,
    /// Between the parts of its body.
    pub between: Duration,
    /// When everything must be over.
    pub deadline: Instant,
}

impl Timeouts {
    /// As long as there is time.
    #[must_use]
    pub fn until(deadline: std::time::Instant) -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            answer: ANSWER_TIMEOUT,
            between: ANSWER_TIMEOUT,
            deadline: deadline.into(),
        }
    }
}

/// What the way out is made of.
pub struct EgressDependencies {
    /// What the operator allows.
    pub operator: OperatorPolicy,
    /// Who knows addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Authorities that are believed beside those that browsers believe, in DER.
    pub authorities: Vec<Vec<u8>>,
}

/// The way out. One for a process.
pub struct Egress {
    operator: Arc<OperatorPolicy>,
    resolver: Arc<dyn Resolve>,
    tls: ClientConfig,
    callers: Cache<Caller, Arc<Connections>>,
    /// Questions about names that each tenant has under way.
    lookups: Cache<TenantId, Arc<Semaphore>>,
}

struct Connections {
    client: Client<TimeoutConnector<HttpsConnector<GuardedConnector>>, RequestBody>,
    places: Arc<Semaphore>,
}

/// A destination that somebody may reach. There is no other way to make one than to ask.
#[derive(Debug, Clone)]
pub struct AuthorizedDestination {
    caller: Caller,
    destination: Destination,
}

impl AuthorizedDestination {
    /// Where.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }
}

impl Egress {
    /// A way out that is not connected to anything yet.
    ///
    /// # Errors
    /// When an authority is not a certificate, or TLS cannot be set up.
    pub fn new(dependencies: EgressDependencies) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        for authority in dependencies.authorities {
            roots.add(CertificateDer::from(authority))?;
        }
        for exception in dependencies.operator.exceptions() {
            tracing::warn!(target: "alga::egress", exception, "extensions may reach private addresses here");
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
            tls,
            callers,
            lookups: Cache::builder()
                .max_capacity(CALLERS)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(IDLE_CALLER)
                .build(),
        })
    }

    /// Whether an extension may reach this: 1. a target, 2. the manifest declares it, 3. the tenant allows it, 4. the operator does.
    ///
    /// # Errors
    /// Whose line to change.
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

    /// Whether the platform itself may reach this. For destinations that only the operator chooses.
    ///
    /// # Errors
    /// When it is no target, or the operator's policy does not have it.
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

    /// Sends: 1. room, 2. the request as it may be, 3. connection and head in time, 4. the answer as it may be, its body under its limits.
    ///
    /// # Errors
    /// Why nothing was sent, or no answer is taken.
    pub async fn send(
        &self,
        permitted: &AuthorizedDestination,
        request: Request<UnsyncBoxBody<Bytes, BodyError>>,
        traffic: &Traffic,
        patience: Timeouts,
    ) -> Result<Response<ResponseBody>, EgressError> {
        // 1.
        let connections = self.connections(&permitted.caller);
        let place = Arc::clone(&connections.places).try_acquire_owned();
        let place = place.map_err(|_| {
            EgressError::TooMany("an install, or the platform for a tenant, has at most 64 requests under way")
        })?;
        let exchange = InFlightRequest::new([traffic.begin()?, place]);
        // 2.
        let request = prepared(&permitted.destination, request, traffic, &exchange)?;
        let sent = field_bytes(request.headers())
            + request
                .uri()
                .path_and_query()
                .map_or(0, |target| target.as_str().len() as u64);
        traffic.send(sent).map_err(EgressError::TooMany)?;
        // 3.
        let patient = patience.connect.saturating_add(patience.answer);
        let until = patience.deadline.min(Instant::now() + patient);
        let answer = timeout(
            until.saturating_duration_since(Instant::now()),
            connections.client.request(request),
        )
        .await;
        let answer = answer
            .map_err(|_| EgressError::AnswerTimeout)?
            .map_err(|error| failed(&error))?;
        // 4.
        let (mut head, body) = answer.into_parts();
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
        // From here on whatever ends the answer ends the exchange.
        let body = ResponseBody::new(body, terms);
        traffic
            .receive(field_bytes(&head.headers))
            .map_err(EgressError::TooMany)?;
        inbound_response(&mut head.headers).map_err(EgressError::AnswerHeader)?;
        Ok(Response::from_parts(head, body))
    }

    fn questions_of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        self.lookups
            .get_with_by_ref(tenant, || Arc::new(Semaphore::new(CONCURRENT_LOOKUPS)))
    }

    fn connections(&self, caller: &Caller) -> Arc<Connections> {
        // Asked for with every request, so that a tenant's is forgotten only when it has been quiet.
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
                places: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
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

/// The request as it goes out: target, headers and length are ours, the rest is the guest's.
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

/// What went wrong, from the innermost error that says it.
fn failed(error: &ClientError) -> EgressError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<EgressError>() {
            return refused.clone();
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return EgressError::Tls(tls.to_string());
        }
        // An `io::Error` hides what it was made of from `source`.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    if error.is_connect() {
        return EgressError::Connection("the other side refused".to_owned());
    }
    EgressError::Protocol
}
