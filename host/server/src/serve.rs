//! HTTP server with graceful shutdown.

use alga_http::{ConnectionState, RefusalWriter, TrackedBody, check_host, refuse};
use alga_limits::{HEADER_BYTES, TARGET_BYTES};
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

/// Pause after a failed accept, for example if the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Maximum bytes of a request's head: target and fields at their limits, doubled.
const HEAD_BYTES: usize = 2 * (TARGET_BYTES + HEADER_BYTES);

/// Limits for clients that are not authenticated yet.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Time for a client to send its headers, and for a connection to be idle.
    pub headers: Duration,
    /// Time for a client to accept a part of a response: one that reads nothing holds up to 10 MiB.
    pub stall: Duration,
    /// Maximum concurrent connections; each uses a file descriptor and about 20 KiB.
    pub connections: usize,
    /// Time for requests in progress after the signal to stop: the longest execution.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            connections: 4_096,
            drain: Duration::from_secs(30),
        }
    }
}

/// Error of the server's socket.
#[derive(Debug, thiserror::Error)]
#[error("the socket")]
pub struct ServeError(#[from] io::Error);

/// Serves until `stop` completes; then accepts no more connections, waits up to
/// [`ServeLimits::drain`] for requests in progress, and returns.
///
/// # Errors
/// [`ServeError`] if the socket cannot be used. A failed accept is not an error: it is logged and
/// retried.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        // The semaphore is never closed, so a permit becomes available at some time; the signal to
        // stop is received at the connection limit, too.
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit,
            () = &mut stop => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        stream.set_nodelay(true).ok();
        let connection_state = ConnectionState::default();
        let service = service_fn({
            let (router, connection_state) = (router.clone(), connection_state.clone());
            move |request: Request<Incoming>| respond(router.clone(), request.map(Body::new), connection_state.clone())
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .max_buf_size(HEAD_BYTES);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.stall));
        let connection = graceful.watch(builder.serve_connection(
            TokioIo::new(RefusalWriter::new(Box::pin(stream), connection_state)),
            service,
        ));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in progress when the time to drain them was over");
    }
    Ok(())
}

/// Handles a request on any connection and any route, if it has one valid host.
async fn respond(
    router: Router,
    request: Request<Body>,
    connection_state: ConnectionState,
) -> Result<Response<TrackedBody>, Infallible> {
    // Not before this future is polled: then hyper has handed over the previous response.
    let in_flight = connection_state.start_request();
    let response = match check_host(request.version(), request.headers()) {
        Ok(()) => router.oneshot(request).await?,
        Err(problem) => refuse(&problem, request.headers()),
    };
    Ok(in_flight.with(nosniff(response)))
}

/// Adds the header `x-content-type-options` with `nosniff` to every response: browsers use only its
/// declared type (WHATWG Fetch, 3.5).
fn nosniff(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::future::{pending, ready};
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    const SOON: Duration = Duration::from_millis(20);

    /// Starts a server with these limits; it stops when the sender is used or dropped.
    async fn serving(router: Router, limits: ServeLimits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = oneshot::channel();
        let stop = async {
            receiver.await.ok();
        };
        let server = tokio::spawn(async move { serve(listener, router, limits, stop).await.unwrap() });
        (address, sender, server)
    }

    async fn asked(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection reset ends the response, too.
        stream.read_to_end(&mut bytes).await.ok();
        bytes
    }

    #[tokio::test]
    async fn a_client_that_does_not_finish_its_headers_is_disconnected() {
        let limits = ServeLimits {
            headers: SOON,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new(), limits).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        let response = rest(slow).await;
        assert!(
            !response.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&response)
        );
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_response_is_disconnected() {
        const LARGE: usize = 64 * 1024 * 1024;
        let limits = ServeLimits {
            stall: SOON,
            connections: 1,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new().route("/", get(|| ready(vec![0; LARGE]))), limits).await;
        let lazy = asked(address).await;
        // There is one permit; the next client gets it only after the slow client is disconnected.
        let mut next = asked(address).await;
        assert_eq!(next.read_u8().await.unwrap(), b'H');
        assert!(rest(lazy).await.len() < LARGE);
    }

    #[tokio::test]
    async fn no_more_connections_are_served_at_once_than_allowed() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let handler = || async {
            MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            NOW.fetch_sub(1, Ordering::SeqCst);
            ([("connection", "close")], "ok")
        };
        let limits = ServeLimits {
            connections: 2,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new().route("/", get(handler)), limits).await;
        let clients: Vec<_> = (0..8)
            .map(|_| tokio::spawn(async move { rest(asked(address).await).await }))
            .collect();
        for client in clients {
            assert!(client.await.unwrap().ends_with(b"ok"));
        }
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_server_stops_even_when_all_connection_permits_are_in_use() {
        let limits = ServeLimits {
            connections: 1,
            ..ServeLimits::default()
        };
        let (address, stop, server) = serving(Router::new(), limits).await;
        let mut idle = asked(address).await;
        assert_eq!(idle.read_u8().await.unwrap(), b'H', "it has the permit");
        stop.send(()).unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn an_unfinished_request_does_not_prevent_server_shutdown() {
        let (started, mut is_started) = tokio::sync::mpsc::channel(1);
        let endless = move || async move {
            started.send(()).await.unwrap();
            pending::<()>().await;
        };
        let limits = ServeLimits {
            drain: SOON,
            ..ServeLimits::default()
        };
        let (address, stop, server) = serving(Router::new().route("/", get(endless)), limits).await;
        let _waits = asked(address).await;
        is_started.recv().await.unwrap();
        stop.send(()).unwrap();
        server.await.unwrap();
    }
}
