//! The registry's routes at a gateway, so that administrators and browsers need one address. The
//! registry authenticates and authorizes; the gateway passes requests on and adds no right.

use crate::upstream::{HttpVersion, Upstream, UpstreamError, connector};
use alga_errors::{Code, Problem};
use alga_http::policy::remove_hop_by_hop;
use alga_http::{PassedOn, Refusal};
use alga_traces::{ParentSpan, TRACEPARENT};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::EXPECT;
use http::{HeaderMap, Version};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Requests that are passed on at once: clients do not have to be authenticated for one.
const CONCURRENT: usize = 256;
/// Time for the registry to respond: a publisher waits for its component to be compiled.
const LONGEST: Duration = Duration::from_mins(15);
/// Time after which an unused connection is closed: shorter than the registry's own limit.
const IDLE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Registry {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    address: Upstream,
    permits: Arc<Semaphore>,
}

/// Builds the routes `/v1/registry/…` and `/auth/…` of the registry at this base URL. With `https`,
/// its certificate must be issued by one of `authorities` (DER), or by a public one if there is
/// none.
///
/// # Errors
/// Returns [`UpstreamError`] if the URL is not `http[s]://host[:port]`, or if an authority is not
/// valid.
pub fn registry_routes(base_url: &str, authorities: &[Vec<u8>]) -> Result<Router, UpstreamError> {
    // HTTP/1.1 carries the client's `host`, with which the registry compares `origin`.
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector(authorities, HttpVersion::Http1)?);
    let registry = Registry {
        client,
        address: base_url.parse()?,
        permits: Arc::new(Semaphore::new(CONCURRENT)),
    };
    Ok(Router::new()
        .route("/v1/registry/{*path}", any(pass_on))
        .route("/auth/{*path}", any(pass_on))
        .with_state(registry))
}

async fn pass_on(State(registry): State<Registry>, request: Request) -> Result<Response, Refusal> {
    let permit = Arc::clone(&registry.permits).try_acquire_owned();
    let permit = permit.map_err(|_| unavailable("too many requests are passed on to the registry"))?;
    let (mut head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    head.uri = registry.address.uri(target)?;
    head.version = Version::HTTP_11;
    remove_fields(&mut head.headers);
    if let Some(trace) = head.extensions.remove::<ParentSpan>() {
        head.headers.insert(TRACEPARENT, trace.traceparent());
    }
    let sent = registry.client.request(Request::from_parts(head, body));
    let response = timeout(LONGEST, sent).await;
    drop(permit);
    let response = response.map_err(|_| unavailable("the registry did not respond in time"))?;
    let response = response.map_err(|error| unavailable("the registry cannot be reached").caused_by(error))?;
    let (mut head, body) = response.into_parts();
    remove_fields(&mut head.headers);
    head.extensions.insert(PassedOn);
    Ok(Response::from_parts(head, Body::new(body)))
}

/// Removes the fields that are for one connection (RFC 9110, 7.6.1). The server of this process has
/// handled `expect` already.
fn remove_fields(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.remove(EXPECT);
}

fn unavailable(message: &'static str) -> Problem {
    Problem::new(Code::Overloaded, message).retry_after_seconds(1)
}
