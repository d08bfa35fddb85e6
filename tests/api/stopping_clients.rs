//! Clients that stop in the middle of a request or of a response, and guests that do not read, on
//! real sockets over HTTP/1.1 and HTTP/2.

use crate::protocols::{PROTOCOLS, Protocol, Served};
use alga_server::ServeLimits;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Time for something that must happen soon on a busy host.
const SOON: Duration = Duration::from_secs(20);

/// A request to the guest's path, whose body is sent part by part.
fn request(served: &Served, path: &str, length: Option<u64>) -> (mpsc::Sender<Bytes>, Request<Body>) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let sent = futures_util::stream::poll_fn(move |context| {
        let polled = receiver.poll_recv(context);
        polled.map(|bytes| bytes.map(Ok::<_, Infallible>))
    });
    let mut request = served.request("POST", path);
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    (sender, request.body(Body::from_stream(sent)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_ends_its_execution_at_the_deadline_and_others_are_served() {
    let settings = [("pool", "1"), ("gateway_timeout_ms", "300")];
    let served = Served::of("streams", &settings, ServeLimits::default()).await;
    for protocol in PROTOCOLS {
        for length in [Some(1_000_000), None] {
            let mut client = served.connect(protocol).await;
            let (sender, request) = request(&served, "echo", length);
            sender.send(Bytes::from(vec![b'a'; 70 * 1024])).await.unwrap();
            // The client sends nothing more, and does not close its connection.
            let response = timeout(SOON, client.send(request)).await.unwrap();
            if let Ok(response) = response {
                let body = timeout(SOON, response.into_body().collect()).await.unwrap();
                assert!(
                    body.is_err(),
                    "{protocol:?} {length:?}: an incomplete response is not complete"
                );
            }
            // The only slot of the pool is free again.
            served.get_ok(protocol, "events").await;
            drop(sender);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_does_not_read_its_request_responds_and_the_connection_stays_usable_or_closes() {
    let served = Served::of("answers_ok", &[], ServeLimits::default()).await;
    for protocol in PROTOCOLS {
        let mut client = served.connect(protocol).await;
        let (sender, request) = request(&served, "", Some(10_000_000));
        // The client sends as fast as the server receives, and stops when that fails.
        let sending = tokio::spawn(async move {
            for _ in 0..100 {
                if sender.send(Bytes::from(vec![b'a'; 100_000])).await.is_err() {
                    return;
                }
            }
        });
        let response = timeout(SOON, client.send(request)).await.unwrap().unwrap();
        assert_eq!(response.status(), 200, "{protocol:?}");
        let body = timeout(SOON, response.into_body().collect()).await.unwrap();
        assert_eq!(body.unwrap().to_bytes(), "ok", "{protocol:?}");
        // The rest of an HTTP/2 request is cancelled, and others use the connection. An HTTP/1.1
        // connection carries the rest or is closed, but never mistakes it for a request.
        let again = timeout(
            SOON,
            client.send(served.request("GET", "").body(Body::empty()).unwrap()),
        )
        .await;
        match again.unwrap() {
            Ok(response) => assert_eq!(response.status(), 200, "{protocol:?}"),
            Err(_) => assert_eq!(protocol, Protocol::Http1),
        }
        timeout(SOON, sending).await.unwrap().unwrap();
        served.get_ok(protocol, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_neither_reads_nor_responds_ends_at_its_deadline() {
    let settings = [("pool", "1"), ("gateway_timeout_ms", "300")];
    let served = Served::of("sleeps_for_an_hour", &settings, ServeLimits::default()).await;
    for protocol in PROTOCOLS {
        let mut client = served.connect(protocol).await;
        let (sender, request) = request(&served, "", Some(10_000_000));
        tokio::spawn(async move { while sender.send(Bytes::from(vec![b'a'; 100_000])).await.is_ok() {} });
        let response = timeout(SOON, client.send(request)).await.unwrap().unwrap();
        assert_eq!(response.status(), 504, "{protocol:?}");
    }
}

/// A client that closes its half of the connection has left: TCP does not distinguish that from one
/// that vanished, and a guest must not run for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_half_of_the_connection_cancels_its_guest() {
    let served = Served::of("streams", &[("pool", "1")], ServeLimits::default()).await;
    for protocol in PROTOCOLS {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream
            .write_all(&served.raw_request(protocol, "events-without-end"))
            .await
            .unwrap();
        let mut first = [0; 1024];
        let mut received = Vec::new();
        while !received.windows(8).any(|part| part == b"data: 1\n") {
            let length = timeout(SOON, stream.read(&mut first)).await.unwrap().unwrap();
            assert!(length > 0, "{protocol:?}: {}", String::from_utf8_lossy(&received));
            received.extend_from_slice(&first[..length]);
        }
        stream.shutdown().await.unwrap();
        // The unbounded stream ends, and its slot is free.
        timeout(SOON, stream.read_to_end(&mut received)).await.unwrap().ok();
        served.get_ok(protocol, "events").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_disconnected_and_its_guest_cancelled() {
    let limits = ServeLimits {
        stall: Duration::from_millis(200),
        stream_stall: Some(Duration::from_millis(200)),
        ..ServeLimits::default()
    };
    let served = Served::of("streams", &[("pool", "1"), ("gateway_timeout_ms", "60000")], limits).await;
    for protocol in PROTOCOLS {
        // The buffers of the system alone could hold a whole response of 10 MiB.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let mut stream = socket.connect(served.address).await.unwrap();
        stream.write_all(&served.raw_request(protocol, "flood")).await.unwrap();
        // The execution has begun, and has written more than the head of its response.
        let mut begun = [0; 4096];
        timeout(SOON, stream.read_exact(&mut begun)).await.unwrap().unwrap();
        // Its slot is free long before the deadline of the execution.
        served.get_ok(protocol, "events").await;
        let mut rest = Vec::new();
        timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap().ok();
        assert!(rest.len() < 10 * 1024 * 1024, "{protocol:?}: {}", rest.len());
    }
}
