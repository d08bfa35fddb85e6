//! Errors that the HTTP library reports before any router sees the request, in the common form.
//!
//! hyper itself rejects malformed requests (a broken request line or field, a target or fields that
//! are too long) with a bare status, and offers no hook. Its response is recognized by the time at
//! which it is written: no request is in flight, and no response is left to be written.

use crate::edge::refuse;
use alga_errors::{Code, Problem};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Collected};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// State of one connection, shared by its socket and its service. One task uses both, so relaxed
/// atomics suffice.
#[derive(Debug, Default, Clone)]
pub struct ConnectionState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// True while a router handles a request, or its response is not handed over yet.
    is_in_flight: AtomicBool,
    /// True while a part of a response may not be written yet.
    is_unwritten: AtomicBool,
}

impl ConnectionState {
    /// Marks the start of a request. Attach the returned value to the response with
    /// [`InFlightResponse::with`].
    #[must_use]
    pub fn start_request(&self) -> InFlightResponse {
        self.0.is_in_flight.store(true, Ordering::Relaxed);
        self.0.is_unwritten.store(true, Ordering::Relaxed);
        InFlightResponse(self.clone())
    }

    fn flushed(&self) {
        if !self.0.is_in_flight.load(Ordering::Relaxed) {
            self.0.is_unwritten.store(false, Ordering::Relaxed);
        }
    }

    fn is_quiet(&self) -> bool {
        !self.0.is_unwritten.load(Ordering::Relaxed)
    }
}

/// Marks a request as in flight until it is dropped.
#[derive(Debug)]
pub struct InFlightResponse(ConnectionState);

impl InFlightResponse {
    /// Attaches the mark to the response, to be dropped with its body.
    #[must_use]
    pub fn with(self, response: Response) -> http::Response<TrackedBody> {
        response.map(|body| TrackedBody { body, _until: self })
    }
}

impl Drop for InFlightResponse {
    fn drop(&mut self) {
        self.0.0.is_in_flight.store(false, Ordering::Relaxed);
    }
}

/// The body of a response from [`InFlightResponse::with`].
#[derive(Debug)]
pub struct TrackedBody {
    body: Body,
    _until: InFlightResponse,
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection's socket that rewrites hyper's own error responses, which are written while no
/// request is in flight, into the common form.
#[derive(Debug)]
pub struct RefusalWriter<S> {
    socket: S,
    connection_state: ConnectionState,
    /// The replacement for hyper's bytes, and how much of it is written.
    replacement: Option<(Vec<u8>, usize)>,
}

impl<S> RefusalWriter<S> {
    /// Wraps the socket of a connection.
    pub fn new(socket: S, connection_state: ConnectionState) -> Self {
        Self {
            socket,
            connection_state,
            replacement: None,
        }
    }
}

impl<S: AsyncWrite + Unpin> RefusalWriter<S> {
    /// Writes the replacement for hyper's bytes `original`, then reports all of `original` as
    /// written.
    fn poll_refuse(&mut self, context: &mut Context<'_>, original: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let (replacement, written) = self
            .replacement
            .get_or_insert_with(|| (refusal(&together(original)), 0));
        while let Some(rest) = replacement.get(*written..).filter(|rest| !rest.is_empty()) {
            let bytes = ready!(Pin::new(&mut self.socket).poll_write(context, rest))?;
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += bytes;
        }
        self.replacement = None;
        Poll::Ready(Ok(original.iter().map(|slice| slice.len()).sum()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RefusalWriter<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.connection_state.is_quiet() {
            return self.poll_refuse(context, &[IoSlice::new(bytes)]);
        }
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.connection_state.is_quiet() {
            return self.poll_refuse(context, slices);
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        // hyper flushes when it has written everything that it has.
        self.connection_state.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RefusalWriter<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

fn together(slices: &[IoSlice<'_>]) -> Vec<u8> {
    slices.iter().flat_map(|slice| slice.iter().copied()).collect()
}

/// Builds the replacement for hyper's bare response: its status line and fields, without the
/// `content-length` of its empty body.
/// It has a body whatever the method, which hyper does not reveal; then the connection is closed.
fn refusal(bare: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(bare);
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let Some(problem) = first.split(' ').nth(1).and_then(problem) else {
        return bare.to_vec();
    };
    let response = refuse(&problem, &HeaderMap::new());
    let (fields, body) = response.into_parts();
    let body = body.collect().now_or_never().and_then(Result::ok);
    let body = body.map(Collected::to_bytes).unwrap_or_default();
    let is_retained = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        !["content-length", "connection"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
    };
    let mut replacement = format!("{first}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for line in lines.filter(is_retained) {
        replacement.extend_from_slice(line.as_bytes());
        replacement.extend_from_slice(b"\r\n");
    }
    for (name, value) in &fields.headers {
        replacement.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    replacement.extend_from_slice(b"x-content-type-options: nosniff\r\n\r\n");
    replacement.extend_from_slice(&body);
    replacement
}

/// Maps the status of hyper's response to a problem (RFC 9110, 15.5.1 and 15.5.15; RFC 6585, 5).
fn problem(status: &str) -> Option<Problem> {
    Some(match status {
        "400" => Problem::new(Code::BadRequest, "the request line or a header field is not HTTP/1.1").with_hint(
            "the target and field names must be visible ASCII; percent-encode other characters in the target",
        ),
        "414" => Problem::new(Code::UriTooLong, "the request's target is too long"),
        "431" => Problem::new(Code::HeadersTooLarge, "the header fields are too many or too long"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_400_response_gets_a_json_error_and_other_bytes_are_unchanged() {
        let bare = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\nContent-Length: 0\r\ndate: today\r\n\r\n";
        let replacement = String::from_utf8(refusal(bare)).unwrap();
        let (head, body) = replacement.split_once("\r\n\r\n").unwrap();
        let body_length = format!("content-length: {}\r\n", body.len());
        assert!(
            head.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"),
            "{head}"
        );
        assert!(
            head.contains(&body_length) && head.contains("date: today\r\n"),
            "{head}"
        );
        assert_eq!(head.to_ascii_lowercase().matches("content-length").count(), 1, "{head}");
        assert!(body.starts_with(r#"{"error":"bad_request","#), "{body}");
        for other in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"", b"\xff"] {
            assert_eq!(refusal(other), other);
        }
    }

    #[tokio::test]
    async fn only_bytes_written_while_no_response_is_open_are_replaced() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        let connection_state = ConnectionState::default();
        let (socket, mut client) = tokio::io::duplex(16 * 1024);
        let mut socket = RefusalWriter::new(socket, connection_state.clone());
        // An extension's body may look like hyper's own response; and it is written after it was
        // handed over.
        let response = connection_state.start_request().with(Response::new(Body::empty()));
        socket.write_all(BARE).await.unwrap();
        drop(response);
        socket.write_all(BARE).await.unwrap();
        socket.flush().await.unwrap();
        socket.write_all(BARE).await.unwrap();
        socket.flush().await.unwrap();
        drop(socket);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        let last = read.strip_prefix([BARE, BARE].concat().as_slice()).unwrap();
        assert!(last.starts_with(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"));
        assert!(last.ends_with(b"}"));
    }
}
