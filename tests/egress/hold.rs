//! An origin and a guest that cooperate to hold connections open, or to smuggle one request inside
//! another.

use crate::world::{egress_to, full, get, install, listen, send_as, send_request, soon};
use alga_egress::{EgressError, Timeouts, Traffic};
use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Body that is sent in chunks and declares no total length.
struct Parts(VecDeque<&'static str>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.0.pop_front();
        Poll::Ready(part.map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test]
async fn a_body_longer_than_declared_carries_no_second_request() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ended = Arc::new(Notify::new());
    let (stored, output) = (Arc::clone(&seen), Arc::clone(&ended));
    let (port, _) = listen(move |mut stream| {
        let (stored, output) = (Arc::clone(&stored), Arc::clone(&output));
        async move {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"abc") && stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(response).await.ok();
            stream.read_to_end(&mut bytes).await.ok();
            stored.lock().unwrap().extend(bytes);
            output.notify_one();
        }
    })
    .await;
    let egress = egress_to(port, vec![]);
    let pattern = format!("http://api.example.com:{port}");
    let request = Request::post(&pattern)
        .header("content-length", "3")
        .body(Parts(["abc", "GET /smuggled HTTP/1.1\r\n\r\n"].into()))
        .unwrap();
    // Whether the excess bytes break the connection or are never read is up to the protocol.
    send_request(&egress, &[&pattern], request).await.ok();
    ended.notified().await;
    let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
    assert!(seen.ends_with("abc") && !seen.contains("smuggled"), "{seen}");
}

#[tokio::test]
async fn a_stalled_handshake_is_abandoned_without_a_waiting_caller() {
    let ended = Arc::new(Notify::new());
    let output = Arc::clone(&ended);
    let (port, _) = listen(move |mut stream| {
        let output = Arc::clone(&output);
        async move {
            let mut bytes = [0; 1024];
            while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
            output.notify_one();
        }
    })
    .await;
    let egress = egress_to(port, vec![]);
    let pattern = format!("https://api.example.com:{port}");
    let patience = Timeouts::until((Instant::now() + Duration::from_millis(50)).into_std());
    let traffic = Traffic::default();
    let refused = send_as(&egress, install("acme"), &[&pattern], get(&pattern), patience, &traffic).await;
    assert!(matches!(refused.err(), Some(EgressError::ResponseTimeout)));
    // The guest no longer waits; the connection is closed, too.
    ended.notified().await;
}

#[tokio::test]
async fn an_install_has_at_most_96_open_connections_and_another_has_its_own() {
    // An origin that responds early and stops reading: the unfinished upload holds its connection
    // open, although the response is complete.
    let (port, _) = listen(|mut stream| async move {
        let mut head = [0; 1024];
        assert!(stream.read(&mut head).await.is_ok());
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .ok();
        std::future::pending::<()>().await;
    })
    .await;
    let egress = egress_to(port, vec![]);
    let pattern = format!("http://api.example.com:{port}");
    let upload = || async {
        let large = Request::post(&pattern).body(full(vec![0; 9 * 1024 * 1024])).unwrap();
        send_request(&egress, &[&pattern], large).await
    };
    for number in 0..96 {
        let response = upload().await;
        assert!(response.is_ok(), "{number}: {:?}", response.err());
    }
    assert!(matches!(upload().await.err(), Some(EgressError::TooMany(_))));
    let traffic = Traffic::default();
    let other = send_as(&egress, install("other"), &[&pattern], get(&pattern), soon(), &traffic).await;
    assert!(other.is_ok());
}
