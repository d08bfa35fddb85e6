//! The span of a request. Alone in its process: `tracing` caches for all threads whether a span is
//! of interest, and a test beside it without a subscriber would decide that for this one.

use alga_http::edge;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::any;
use std::io;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;
use tracing::Span;

/// Collects the log in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().map_err(|_| io::Error::other("poisoned"))?;
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_line_of_a_request_carries_its_id_also_while_a_body_is_sent() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let handler = || async {
        Span::current().record("tenant", "acme");
        tokio::task::yield_now().await;
        tracing::info!("logged");
        Body::from_stream(futures_util::stream::once(async {
            tracing::info!("logged");
            Ok::<_, io::Error>("sent")
        }))
    };
    let router = edge(Router::new().route("/logs/{number}", any(handler)));
    let request = Request::builder().uri("/logs/7").header("x-request-id", "r-7");
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
    assert_eq!(body, "sent");
    let text = String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["message"], "logged", "{line}");
        assert_eq!(line["span"]["request"], "r-7", "{line}");
        assert_eq!(line["span"]["operation"], "GET /logs/{number}", "{line}");
        assert_eq!(line["span"]["tenant"], "acme", "{line}");
    }
    let method = "M".repeat(80_000);
    let request = Request::builder().method(method.as_str()).uri("/logs/7");
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("_OTHER /logs/{number}"), "{} bytes", text.len());
    assert!(!text.contains("MMMM"), "{} bytes", text.len());
}
