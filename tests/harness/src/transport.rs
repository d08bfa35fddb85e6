//! Sends the requests of tests: in process, or over a socket as clients do.

use crate::TestResponse;
use alga_server::{Listener, ServeLimits, serve};
use axum::Router;
use axum::body::Body;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::pending;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Variable with the protocol: `http1` or `http2`; without it, requests are sent in process.
const PROTOCOL: &str = "ALGA_TEST_PROTOCOL";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    InProcess,
    Http1,
    Http2,
}

impl Protocol {
    fn configured() -> Self {
        match std::env::var(PROTOCOL).as_deref() {
            Err(_) => Self::InProcess,
            Ok("http1") => Self::Http1,
            Ok("http2") => Self::Http2,
            Ok(other) => panic!("{PROTOCOL} is http1 or http2, not `{other}`"),
        }
    }
}

/// A router, and the socket at which it is served from the first request on.
pub(crate) struct Transport {
    router: Router,
    protocol: Protocol,
    server: OnceCell<Serving>,
}

struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    fn start(router: Router) -> Self {
        let limits = ServeLimits::default();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &limits).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let server = serve(listener, router, limits, stopped);
        let task = tokio::spawn(async { server.await.unwrap() });
        Self { address, stop, task }
    }
}

impl Transport {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            protocol: Protocol::configured(),
            server: OnceCell::new(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> TestResponse {
        if self.protocol == Protocol::InProcess {
            return collected(self.router().oneshot(request).await.unwrap()).await;
        }
        let server = self.server.get_or_init(async || Serving::start(self.router())).await;
        collected(request_at(server.address, self.protocol, request).await.unwrap()).await
    }

    /// Stops the server, so that nothing uses the platform any more.
    pub(crate) async fn stop(self) {
        if let Some(server) = self.server.into_inner() {
            drop(server.stop);
            server.task.await.unwrap();
        }
    }
}

/// Sends a request to a server of its own for these routes, in process or with the protocol of
/// `ALGA_TEST_PROTOCOL`. The response's body has yet to arrive; a client that drops it leaves.
///
/// # Panics
/// Panics if there is no response.
pub async fn request_over_protocol(routes: &Router, request: Request<Body>) -> Response<Body> {
    try_request_over_protocol(routes, request).await.unwrap()
}

/// Sends a request like [`request_over_protocol`]; its stream may end without a response.
///
/// # Errors
/// Returns the client's error, for example if the server resets the stream.
pub async fn try_request_over_protocol(
    routes: &Router,
    request: Request<Body>,
) -> Result<Response<Body>, hyper::Error> {
    let protocol = Protocol::configured();
    if protocol == Protocol::InProcess {
        return Ok(routes.clone().oneshot(request).await.unwrap());
    }
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &ServeLimits::default()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, routes.clone(), ServeLimits::default(), pending()));
    Ok(request_at(address, protocol, request).await?.map(Body::new))
}

async fn request_at(
    address: SocketAddr,
    protocol: Protocol,
    request: Request<Body>,
) -> Result<Response<Incoming>, hyper::Error> {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    if protocol == Protocol::Http1 {
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(with_host(request)).await
    } else {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(with_authority(request)).await
    }
}

async fn collected<B: http_body::Body<Error: std::fmt::Debug>>(response: Response<B>) -> TestResponse {
    let (head, body) = response.into_parts();
    TestResponse {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

/// Adds the field that HTTP/1.1 requires.
fn with_host(mut request: Request<Body>) -> Request<Body> {
    let host = HeaderValue::from_static("alga.test");
    request.headers_mut().entry(HOST).or_insert(host);
    request
}

/// Moves `host` to the target, as HTTP/2 requires.
fn with_authority(mut request: Request<Body>) -> Request<Body> {
    let host = request.headers_mut().remove(HOST);
    let host = host.map_or_else(|| "alga.test".to_owned(), |host| host.to_str().unwrap().to_owned());
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(host.parse::<Authority>().unwrap());
    *request.uri_mut() = Uri::from_parts(parts).unwrap();
    request
}
