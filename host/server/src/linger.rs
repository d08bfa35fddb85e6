//! Closes a connection whose request was not read to its end so that the client receives the
//! response (RFC 9112, 9.6). Bytes that a closed socket has not read, or receives later, make the
//! system reset the connection, and a reset discards what the client has not read yet.

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Bytes that are read and discarded at once.
const DISCARDED_AT_ONCE: usize = 16 * 1024;

/// The mark of a connection whose last request has content that was not read. One task uses it, so
/// relaxed atomics suffice.
#[derive(Debug, Default, Clone)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Observes the content of the next request.
    pub(crate) fn observe(&self, content: Incoming) -> Content {
        self.set(!content.is_end_stream());
        Content {
            content,
            unread: self.clone(),
        }
    }

    fn set(&self, is_unread: bool) {
        self.0.store(is_unread, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Content of a request whose end is noticed.
#[derive(Debug)]
pub(crate) struct Content {
    content: Incoming,
    unread: Unread,
}

impl Body for Content {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.content).poll_frame(context));
        if self.content.is_end_stream() || frame.is_none() {
            self.unread.set(false);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// A socket that, when it is shut down after a request that was not read to its end, discards what
/// its client still sends, until the client closes it or `longest` has passed.
#[derive(Debug)]
pub(crate) struct LingeringSocket<S> {
    socket: S,
    unread: Unread,
    longest: Duration,
    closing: Option<Pin<Box<Sleep>>>,
}

impl<S> LingeringSocket<S> {
    pub(crate) fn new(socket: S, unread: Unread, longest: Duration) -> Self {
        Self {
            socket,
            unread,
            longest,
            closing: None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> LingeringSocket<S> {
    /// Completes when the client has closed the connection, or the time is over.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let longest = self.longest;
        let closing = self.closing.get_or_insert_with(|| Box::pin(sleep(longest)));
        let mut discarded = [0; DISCARDED_AT_ONCE];
        while closing.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut discarded);
            match ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LingeringSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(context))?;
        }
        if self.unread.get() {
            ready!(self.poll_discard(context));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LingeringSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}
