//! HTTP server with graceful shutdown.

use crate::address_limit::AddressLimit;
use crate::connection::serve_connection;
use crate::serve_limits::ServeLimits;
use crate::tls::TlsCertificate;
use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Pause after a failed accept, for example if the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Version of the log's lines: `host/docs/log.schema.json`.
const LOG_SCHEMA: u32 = 1;

/// Error of the server's socket.
#[derive(Debug, thiserror::Error)]
#[error("the socket")]
pub struct ServeError(#[from] io::Error);

/// A socket to accept connections from.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsCertificate>,
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

impl Listener {
    /// Binds a socket. As many clients may wait to be accepted as may be connected: the default of
    /// 128 makes the others of a burst wait for a second, or resets them.
    ///
    /// # Errors
    /// Returns the system's error, for example if the port is in use.
    pub fn bind(address: SocketAddr, limits: &ServeLimits) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A restarted process uses the port of connections that are still closing.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let backlog = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        Ok(Self::from(socket.listen(backlog)?))
    }

    /// Returns the address of the socket.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Requires TLS with this certificate.
    #[must_use]
    pub fn with_tls(self, certificate: TlsCertificate) -> Self {
        Self {
            tls: Some(certificate),
            ..self
        }
    }
}

/// Serves until `stop` completes; then accepts no more connections, waits up to
/// [`ServeLimits::drain`] for requests in progress, and returns.
///
/// # Errors
/// [`ServeError`] if the socket cannot be used. A failed accept is not an error: it is logged and
/// retried.
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    limits: ServeLimits,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Listener { tcp, tls } = listener.into();
    tracing::info!(log_schema = LOG_SCHEMA, "listening");
    let acceptor = tls.as_ref().map(TlsCertificate::acceptor);
    let mut tasks = JoinSet::new();
    if let Some(certificate) = tls {
        tasks.spawn(async move { certificate.follow().await });
    }
    let addresses = AddressLimit::new(limits.connections_per_address);
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let (stopping, is_stopping) = watch::channel(());
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
            accepted = tcp.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(of_address) = addresses.admit(address.ip()) else {
            tracing::debug!(%address, "refused a connection: this client has too many");
            continue;
        };
        let socket = (stream, acceptor.clone());
        let connection = serve_connection(socket, router.clone(), limits, graceful.watcher(), is_stopping.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((permit, of_address));
        });
    }
    drop((tcp, tasks, stopping));
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in progress when the time to drain them was over");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use std::future::{pending, ready};
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

    /// Connects with HTTP/2 and sends a GET request.
    async fn asked_by_http2(address: SocketAddr) -> hyper::Response<hyper::body::Incoming> {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::get("http://a/").body(axum::body::Body::empty());
        sender.send_request(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_burst_of_clients_waits_to_be_accepted() {
        let limits = ServeLimits::default();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &limits).unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..500 {
            clients.push(asked(address).await);
        }
        let router = Router::new().route("/", get(|| ready("ok")));
        tokio::spawn(async move { serve(listener, router, limits, pending()).await });
        for mut client in clients {
            assert_eq!(client.read_u8().await.unwrap(), b'H');
        }
    }

    #[tokio::test]
    async fn http_2_with_prior_knowledge_is_served_and_its_authority_is_the_host() {
        let host = |headers: axum::http::HeaderMap| ready(headers["host"].to_str().unwrap().to_owned());
        let router = Router::new().route("/", get(host));
        let (address, _stop, _server) = serving(router, ServeLimits::default()).await;
        let response = asked_by_http2(address).await;
        assert_eq!(response.version(), hyper::Version::HTTP_2);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a");
    }

    #[tokio::test]
    async fn an_http_2_client_that_does_not_read_its_response_is_disconnected() {
        const LARGE: usize = 8 * 1024 * 1024;
        let limits = ServeLimits {
            stream_stall: Some(SOON),
            connections: 1,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new().route("/", get(|| ready(vec![0; LARGE]))), limits).await;
        let response = asked_by_http2(address).await;
        // There is one permit; the next client gets it only after this one is disconnected.
        assert_eq!(asked(address).await.read_u8().await.unwrap(), b'H');
        assert!(response.into_body().collect().await.is_err());
    }

    #[tokio::test]
    async fn an_http_2_connection_without_a_request_is_closed() {
        let limits = ServeLimits {
            idle: SOON,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new().route("/", get(|| ready("ok"))), limits).await;
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (sender, connection) = builder.handshake::<_, axum::body::Body>(stream).await.unwrap();
        // The client's side ends because the server closes the connection.
        connection.await.ok();
        assert!(sender.is_closed());
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_or_half_a_preface_is_disconnected() {
        let limits = ServeLimits {
            headers: SOON,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new(), limits).await;
        for sent in ["", "PRI * HT"] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(sent.as_bytes()).await.unwrap();
            assert!(rest(client).await.is_empty(), "{sent}");
        }
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
    async fn one_address_has_no_more_connections_than_allowed() {
        let limits = ServeLimits {
            connections_per_address: 1,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new().route("/", get(|| ready("ok"))), limits).await;
        let mut first = asked(address).await;
        assert_eq!(first.read_u8().await.unwrap(), b'H');
        assert!(rest(asked(address).await).await.is_empty());
        drop(first);
        while rest(asked(address).await).await.is_empty() {}
    }

    /// Sends a request with this content, all of it before it reads the response.
    async fn sent_before_reading(address: SocketAddr, bytes: usize) -> io::Result<Vec<u8>> {
        static PART: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut stream = TcpStream::connect(address).await?;
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {bytes}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..bytes / PART.len() {
            stream.write_all(&PART).await?;
        }
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await?;
        Ok(response)
    }

    #[tokio::test]
    async fn a_client_whose_content_is_not_read_receives_the_response() {
        const LARGE: usize = 64 * 1024 * 1024;
        let (address, _stop, _server) = serving(Router::new(), ServeLimits::default()).await;
        let response = sent_before_reading(address, LARGE).await.unwrap();
        assert!(response.starts_with(b"HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn a_client_that_sends_on_after_its_response_is_disconnected() {
        let limits = ServeLimits {
            linger: SOON,
            ..ServeLimits::default()
        };
        let (address, _stop, _server) = serving(Router::new(), limits).await;
        assert!(sent_before_reading(address, usize::MAX >> 1).await.is_err());
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
