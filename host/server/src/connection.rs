//! One connection: HTTP/1.1 or HTTP/2, negotiated by TLS (ALPN), or with prior knowledge (RFC 9113,
//! 3.3).

use crate::linger::{LingeringSocket, Unread};
use crate::serve_limits::ServeLimits;
use crate::stall::{GuardedBody, StallGuard};
use alga_errors::{Code, Problem};
use alga_http::{ConnectionState, RefusalWriter, TrackedBody, check_host, refuse};
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{HOST, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

/// First bytes of an HTTP/2 connection (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Pause before an incomplete preface is looked at again.
const PREFACE_PAUSE: Duration = Duration::from_millis(5);
/// Streams that a client may have reset before they were accepted (CVE-2023-44487).
const RESET_STREAMS: usize = 20;
/// Bytes of a response that are buffered for a stream whose client does not read.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Interval of HTTP/2 pings, by which a client that has vanished is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(20);

type ConnectionError = Box<dyn Error + Send + Sync>;

/// Serves a connection until its client closes it, or a limit is exceeded.
pub(crate) async fn serve_connection(
    (stream, tls): (TcpStream, Option<TlsAcceptor>),
    router: Router,
    limits: ServeLimits,
    watcher: Watcher,
    mut stopping: watch::Receiver<()>,
) -> Result<(), ConnectionError> {
    stream.set_nodelay(true).ok();
    let begun = async {
        match tls {
            Some(tls) => handshake(&tls, guarded(stream, limits)).await.map(Socket::Tls),
            None => is_http2(&stream)
                .await
                .map(|is_http2| Socket::Plain(guarded(stream, limits), is_http2)),
        }
    };
    let socket = tokio::select! {
        begun = timeout(limits.headers, begun) => begun??,
        // The server stops, and no request has begun.
        _ = stopping.changed() => return Ok(()),
    };
    match socket {
        Socket::Plain(stream, true) => serve_http2(stream, router, limits, watcher).await,
        Socket::Plain(stream, false) => serve_http1(stream, router, limits, watcher).await,
        Socket::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            serve_http2(stream, router, limits, watcher).await
        }
        Socket::Tls(stream) => serve_http1(stream, router, limits, watcher).await,
    }
}

/// A socket whose writes have a time limit.
type GuardedStream = Pin<Box<TimeoutStream<TcpStream>>>;

/// A connection whose protocol is known.
enum Socket {
    Plain(GuardedStream, bool),
    Tls(Box<TlsStream<GuardedStream>>),
}

fn guarded(stream: TcpStream, limits: ServeLimits) -> GuardedStream {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.stall));
    Box::pin(stream)
}

async fn handshake(tls: &TlsAcceptor, stream: GuardedStream) -> io::Result<Box<TlsStream<GuardedStream>>> {
    tls.accept(stream).await.map(Box::new)
}

async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    limits: ServeLimits,
    watcher: Watcher,
) -> Result<(), ConnectionError> {
    let connection_state = ConnectionState::default();
    let unread = Unread::default();
    let service = service_fn({
        let (connection_state, unread) = (connection_state.clone(), unread.clone());
        move |request: Request<Incoming>| {
            let request = request.map(|content| Body::new(unread.observe(content)));
            respond(router.clone(), request, connection_state.clone())
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(limits.head_bytes);
    let socket = LingeringSocket::new(stream, unread, limits.linger);
    let socket = TokioIo::new(RefusalWriter::new(socket, connection_state));
    Ok(watcher.watch(builder.serve_connection(socket, service)).await?)
}

/// Reports whether a client begins with the preface of HTTP/2, without consuming a byte.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await?;
        let received = first.get(..length).unwrap_or_default();
        if length == 0 || !PREFACE.starts_with(received) {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // More bytes than have been looked at do not make the socket readable again.
        sleep(PREFACE_PAUSE).await;
    }
}

async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    limits: ServeLimits,
    watcher: Watcher,
) -> Result<(), ConnectionError> {
    let guard = StallGuard::default();
    let service = service_fn({
        let guard = guard.clone();
        move |request: Request<Incoming>| respond_http2(router.clone(), request.map(Body::new), guard.clone())
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(limits.headers);
    let socket = TokioIo::new(stream);
    let connection = watcher.watch(builder.serve_connection(socket, service));
    tokio::select! {
        ended = connection => Ok(ended?),
        () = guard.stalled(limits.stream_stall, limits.idle) => Err("the client neither reads nor sends".into()),
    }
}

/// Handles a request on any connection and any route, if it has one valid host.
async fn respond(
    router: Router,
    request: Request<Body>,
    connection_state: ConnectionState,
) -> Result<Response<TrackedBody>, Infallible> {
    // Not before this future is polled: then hyper has handed over the previous response.
    let in_flight = connection_state.start_request();
    Ok(in_flight.with(route(router, request).await?))
}

async fn respond_http2(
    router: Router,
    request: Request<Body>,
    guard: StallGuard,
) -> Result<Response<GuardedBody>, Infallible> {
    let open = guard.start_request();
    let response = route(router, request).await?;
    Ok(response.map(|body| open.with(body)))
}

/// Checks that a request has one valid host. The target's authority is the host in HTTP/2 (RFC
/// 9113, 8.3.1) and in absolute-form targets of HTTP/1.1 (RFC 9112, 3.2.2). A field `host` that
/// disagrees is refused: of two servers in a row, each could use another one of both.
fn set_host(request: &mut Request<Body>) -> Result<(), Problem> {
    check_host(request.version(), request.headers())?;
    let invalid = |message| Problem::new(Code::BadRequest, message);
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let Some(authority) = authority else {
        return Ok(());
    };
    let value = HeaderValue::from_str(&authority).map_err(|_| invalid("the authority is not valid"))?;
    let host = request.headers().get(HOST);
    if host.is_some_and(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())) {
        return Err(invalid("the host is not the authority of the request"));
    }
    request.headers_mut().insert(HOST, value);
    check_host(request.version(), request.headers())
}

async fn route(router: Router, mut request: Request<Body>) -> Result<Response, Infallible> {
    let response = match set_host(&mut request) {
        Ok(()) => router.oneshot(request).await?,
        Err(problem) => refuse(&problem, request.headers()),
    };
    Ok(nosniff(response))
}

/// Adds the header `x-content-type-options` with `nosniff` to every response: browsers use only its
/// declared type (WHATWG Fetch, 3.5).
fn nosniff(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
