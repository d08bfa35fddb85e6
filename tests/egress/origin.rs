//! Origins that respond correctly, and origins that misbehave.

use crate::world::{egress_to, full, get, install, listen, send, send_as, soon, text};
use alga_egress::{Egress, EgressError, ResponseBody, Timeouts, Traffic};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Egress client with one origin on loopback.
struct Way {
    egress: Egress,
    pattern: String,
    connections: Arc<AtomicUsize>,
}

impl Way {
    async fn to<F: Future<Output = ()> + Send + 'static>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self {
        let (port, connections) = listen(serve).await;
        Self {
            egress: egress_to(port, vec![]),
            pattern: format!("http://api.example.com:{port}"),
            connections,
        }
    }

    /// Starts an origin that responds to every request with these bytes as soon as it has received
    /// the head.
    async fn responding(reply: impl Into<Vec<u8>>) -> Self {
        let reply = Arc::new(reply.into());
        Self::to(move |mut stream| {
            let reply = Arc::clone(&reply);
            async move {
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(&reply).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    async fn get(&self) -> Result<String, EgressError> {
        text(send(&self.egress, &[&self.pattern], &format!("{}/", self.pattern)).await?).await
    }

    /// Sends a request to the origin as a part of this traffic.
    async fn send(
        &self,
        request: Request<impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static>,
        patience: Timeouts,
        traffic: &Traffic,
    ) -> Result<Response<ResponseBody>, EgressError> {
        send_as(
            &self.egress,
            install("acme"),
            &[&self.pattern],
            request,
            patience,
            traffic,
        )
        .await
    }

    async fn get_with(&self, patience: Timeouts, traffic: &Traffic) -> Result<String, EgressError> {
        let request = get(&format!("{}/", self.pattern));
        text(self.send(request, patience, traffic).await?).await
    }
}

pub(crate) async fn echo(request: Request<Incoming>) -> Result<hyper::Response<String>, Infallible> {
    let seen = format!("{:?} {} {:?}", request.version(), request.uri(), request.headers());
    let body = request.into_body().collect().await.map(|body| body.to_bytes().len());
    Ok(hyper::Response::new(format!("{seen} {body:?}")))
}

#[tokio::test]
async fn an_origin_receives_one_host_one_content_length_and_a_path() {
    let (sender, mut heads) = mpsc::unbounded_channel();
    let way = Way::to(move |mut stream| {
        let sender = sender.clone();
        async move {
            let mut bytes = vec![0; 16 * 1024];
            let read = stream.read(&mut bytes).await.unwrap();
            sender.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nset-cookie: a=b\r\nconnection: x-y\r\nx-y: 1\r\nx-z: 2\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let request = Request::post(format!("{}/a?b=c", way.pattern))
        .header("host", "evil.example.com")
        .header("expect", "100-continue")
        .header("connection", "x-auth")
        .header("x-auth", "smuggled")
        .header("transfer-encoding", "chunked")
        .header("content-length", "5")
        .header("accept", "text/plain");
    let request = request.body(full(b"hello".to_vec())).unwrap();
    let response = way.send(request, soon(), &Traffic::default()).await.unwrap();
    let names: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["content-length", "x-z"]);
    let head = heads.recv().await.unwrap().to_lowercase();
    assert!(
        head.starts_with("post /a?b=c http/1.1\r\n") && head.contains("accept: text/plain"),
        "{head}"
    );
    let host = way.pattern.strip_prefix("http://").unwrap();
    assert!(head.contains(&format!("host: {host}\r\n")), "{head}");
    assert_eq!(
        (head.matches("host:").count(), head.matches("content-length:").count()),
        (1, 1),
        "{head}"
    );
    for forbidden in ["evil", "expect", "smuggled", "chunked", "connection:"] {
        assert!(!head.contains(forbidden), "{forbidden}: {head}");
    }
}

#[tokio::test]
async fn redirects_are_returned_and_not_followed() {
    let (canary, reached) = listen(|stream| async move { drop(stream) }).await;
    for status in [300, 301, 302, 303, 307, 308] {
        let way = Way::responding(format!(
            "HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{canary}/\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        let response = send(&way.egress, &[&way.pattern], &way.pattern).await.unwrap();
        assert_eq!(response.status(), status);
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_connection_is_reused_by_its_own_install_only() {
    let way = Way::to(|stream| async move {
        auto::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(echo))
            .await
            .ok();
    })
    .await;
    for _ in 0..5 {
        way.get().await.unwrap();
    }
    assert_eq!(way.connections.load(Ordering::SeqCst), 1);
    let other = send_as(
        &way.egress,
        install("other"),
        &[&way.pattern],
        get(&way.pattern),
        soon(),
        &Traffic::default(),
    )
    .await;
    text(other.unwrap()).await.unwrap();
    assert_eq!(way.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn oversized_and_malformed_response_heads_are_refused() {
    let many: String = (0..1_000_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (what, reply) in [
        ("a million headers", format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
        (
            "101 headers",
            format!(
                "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
                (0..100).map(|number| format!("x-{number}: 1\r\n")).collect::<String>()
            ),
        ),
        (
            "40 KiB of headers",
            format!(
                "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
                "a".repeat(40 * 1024)
            ),
        ),
        (
            "an unbounded header",
            format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(10 * 1024 * 1024)),
        ),
        (
            "unbounded interim responses",
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000_000),
        ),
        ("no HTTP", "SSH-2.0-OpenSSH\r\n".into()),
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".into(),
        ),
    ] {
        let refused = Way::responding(reply).await.get().await.err();
        assert!(
            matches!(refused, Some(EgressError::Protocol | EgressError::ResponseHeader(_))),
            "{what}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn compressed_response_bodies_are_not_decompressed() {
    let bomb = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\nnobody looks into it";
    let traffic = Traffic::default();
    let body = Way::responding(bomb).await.get_with(soon(), &traffic).await.unwrap();
    assert_eq!(body, "nobody looks into it");
    assert!(traffic.received_bytes() < 200, "{}", traffic.received_bytes());
}

#[tokio::test]
async fn unbounded_response_bodies_fail_at_the_size_limit() {
    let endless = |head: &'static str, part: Vec<u8>| {
        let part = Arc::new(part);
        Way::to(move |mut stream: TcpStream| {
            let part = Arc::clone(&part);
            async move {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).await.is_ok());
                stream.write_all(head.as_bytes()).await.ok();
                while stream.write_all(&part).await.is_ok() {}
            }
        })
    };
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(vec![b'a'; 0x10000]);
    chunk.extend(b"\r\n");
    let traffic = Traffic::default();
    let chunks = endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk).await;
    let refused = chunks.get_with(soon(), &traffic).await.err();
    assert!(matches!(refused, Some(EgressError::ResponseTooLarge(_))), "{refused:?}");
    assert!(
        (32 * 1024 * 1024..33 * 1024 * 1024).contains(&traffic.received_bytes()),
        "{}",
        traffic.received_bytes()
    );
    let extensions = format!("1;{}\r\na\r\n", "x".repeat(60_000)).into_bytes();
    let refused = endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", extensions)
        .await
        .get()
        .await
        .err();
    assert!(matches!(refused, Some(EgressError::Protocol)), "{refused:?}");
    let output = endless(
        "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n",
        vec![b'a'; 65536],
    )
    .await
    .get()
    .await
    .err();
    assert!(matches!(output, Some(EgressError::ResponseTooLarge(_))), "{output:?}");
}

#[tokio::test]
async fn stalled_response_heads_and_bodies_fail_at_the_deadline() {
    let in_a_moment = || Timeouts::until((Instant::now() + Duration::from_millis(50)).into_std());
    let silent = Way::to(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let refused = silent.await.get_with(in_a_moment(), &Traffic::default()).await.err();
    assert!(matches!(refused, Some(EgressError::ResponseTimeout)), "{refused:?}");
    let stuck = Way::responding("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab").await;
    let refused = stuck.get_with(in_a_moment(), &Traffic::default()).await.err();
    assert!(matches!(refused, Some(EgressError::ResponseTimeout)), "{refused:?}");
}

#[tokio::test]
async fn requests_and_bytes_of_an_execution_are_limited() {
    let way = Way::responding("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let traffic = Traffic::default();
    for _ in 0..64 {
        way.get_with(soon(), &traffic).await.unwrap();
    }
    assert!(matches!(
        way.get_with(soon(), &traffic).await.err(),
        Some(EgressError::TooMany(_))
    ));
    assert!(traffic.sent_bytes() > 0 && traffic.received_bytes() >= 128);
    let large = Request::post(&way.pattern)
        .body(full(vec![0; 10 * 1024 * 1024 + 1]))
        .unwrap();
    let refused = way.send(large, soon(), &Traffic::default()).await.err();
    assert!(matches!(refused, Some(EgressError::TooLarge(_))), "{refused:?}");
    // Responses whose bodies are not consumed count as requests in progress.
    let (busy, mut held) = (Traffic::default(), Vec::new());
    for _ in 0..8 {
        held.push(way.send(get(&way.pattern), soon(), &busy).await.unwrap());
    }
    let refused = way.send(get(&way.pattern), soon(), &busy).await.err();
    assert!(matches!(refused, Some(EgressError::TooMany(_))), "{refused:?}");
}

#[tokio::test]
async fn methods_that_make_tunnels_or_echo_headers_are_not_sent() {
    let way = Way::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for method in [Method::CONNECT, Method::TRACE] {
        let request = Request::builder()
            .method(method)
            .uri(&way.pattern)
            .body(full(vec![]))
            .unwrap();
        let refused = way.send(request, soon(), &Traffic::default()).await.err();
        assert!(matches!(refused, Some(EgressError::Target(_))), "{refused:?}");
    }
    assert_eq!(way.connections.load(Ordering::SeqCst), 0);
}
