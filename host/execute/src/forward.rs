//! Passes a guest's response on to the client while the guest writes it, within the limits.

use crate::response_body::{Chunk, ResponseHead, ResponseWriter};
use alga_http::policy::{field_bytes, has_content};
use alga_limits::{BODY_BYTES, HEADER_BYTES, HEADERS};
use http::{HeaderMap, Method, Response};
use http_body_util::BodyExt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::sync::oneshot::error::RecvError;
use wasmtime_wasi_http::WasiBody;

/// Maximum bytes of the error of an extension that returns one instead of a response.
pub(crate) const ERROR_BYTES: usize = 1024;

/// Reason why a guest has no complete response.
pub(crate) enum Failure {
    Wasm(wasmtime::Error),
    Invalid(&'static str),
    /// The guest returned an error instead of a response.
    Error(String),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasm(error)
    }
}

/// Progress of a response.
#[derive(Debug, Default)]
pub(crate) struct ResponseProgress {
    /// True while its next part waits for the client; otherwise the guest has to write it.
    pub(crate) waits_for_client: AtomicBool,
    /// Bytes of its body that the client has been given.
    pub(crate) bytes: AtomicU64,
}

/// A response whose last byte has been passed on, with a note about a part that was left out.
pub(crate) struct Complete {
    pub(crate) status: u16,
    pub(crate) left_out: Option<&'static str>,
}

/// A guest's response, or the text of the error that it returned.
type GuestResponse = Result<Response<WasiBody>, String>;

/// Passes a guest's response on, within the limits. Shows in `sent` whether it waits for
/// the guest or for the client.
pub(crate) async fn forward(
    receiver: impl Future<Output = Result<GuestResponse, RecvError>>,
    method: &Method,
    writer: ResponseWriter,
    sent: &ResponseProgress,
) -> Result<Complete, Failure> {
    let response = receiver
        .await
        .map_err(|_| Failure::Invalid("it returned without a response"))?;
    let (head, body) = response.map_err(Failure::Error)?.into_parts();
    let status = head.status.as_u16();
    if !(200..=599).contains(&status) {
        return Err(Failure::Invalid("its status is not between 200 and 599"));
    }
    check_headers(&head.headers)?;
    let ResponseWriter { head: sender, chunks } = writer;
    let head = ResponseHead {
        status: head.status,
        headers: head.headers,
    };
    let has_content = has_content(method, head.status);
    // If the client has disconnected, this execution is about to be cancelled.
    sender.send(head).ok();
    // A response without content has no body to read, whatever length it declares (RFC 9110, 8.6).
    let left_out = if has_content {
        forward_body(body, &chunks, sent).await?
    } else {
        None
    };
    sent.waits_for_client.store(true, Ordering::Relaxed);
    chunks.send(Chunk::End).await.ok();
    Ok(Complete { status, left_out })
}

/// Forwards what a guest that has returned had written. Waits for a client that reads slowly, and
/// not for more from the guest.
pub(crate) async fn rest(
    forwarding: Pin<&mut impl Future<Output = Result<Complete, Failure>>>,
    sent: &ResponseProgress,
) -> Result<Complete, Failure> {
    let mut forwarding = pin!(tokio::task::unconstrained(forwarding));
    poll_fn(|context| match forwarding.as_mut().poll(context) {
        Poll::Pending if !sent.waits_for_client.load(Ordering::Relaxed) => {
            Poll::Ready(Err(Failure::Invalid("it returned before its response was complete")))
        }
        polled => polled,
    })
    .await
}

async fn forward_body(
    mut body: WasiBody,
    chunks: &mpsc::Sender<Chunk>,
    sent: &ResponseProgress,
) -> Result<Option<&'static str>, Failure> {
    let (mut bytes, mut left_out) = (0, None);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Failure::Invalid("its body was interrupted, or is not as long as its content-length"))?;
        // Trailers may be dropped (RFC 9110, 6.5.1), and must be: they have not been filtered.
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => {
                let is_empty = other.trailers_ref().is_none_or(HeaderMap::is_empty);
                left_out = (!is_empty).then_some("the trailers of its response were left out: they are not passed on");
                continue;
            }
        };
        let length = data.len();
        bytes += length;
        if bytes > BODY_BYTES {
            return Err(Failure::Invalid("its body is larger than 10 MiB"));
        }
        sent.waits_for_client.store(true, Ordering::Relaxed);
        if chunks.send(Chunk::Data(data)).await.is_ok() {
            sent.bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
        sent.waits_for_client.store(false, Ordering::Relaxed);
    }
    Ok(left_out)
}

fn check_headers(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.len() > HEADERS || field_bytes(headers) > HEADER_BYTES as u64 {
        return Err(Failure::Invalid(
            "it has more than 100 headers, or more than 32 KiB of them",
        ));
    }
    Ok(())
}
