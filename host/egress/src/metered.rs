//! A connection that cannot be kept busy with bytes that are no answer: interim responses, extensions of chunks, empty frames. Whatever is
//! read is counted; the head of an answer, and what of a body is taken, sets the count back. Nor can it be kept from ending: who does not read
//! what we send is left after a while, and every connection has a place among its install's.

use hyper_util::client::legacy::connect::{Connected, Connection};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_io_timeout::TimeoutStream;

/// Bytes that may be read between two that mean something: a response's head, a handshake, the frames around a body.
const IDLE_BYTES: usize = 512 * 1024;

/// How long the other side may take to accept a part of what we send, our goodbye included.
const STALL: Duration = Duration::from_secs(30);

/// Bytes read since the last that meant something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle(Arc<AtomicUsize>);

impl Idle {
    /// A head arrived, or something of a body was taken.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        let idle = self.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if idle > IDLE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "too many bytes that are no answer",
            ));
        }
        Ok(())
    }
}

pub(crate) struct Metered {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    idle: Idle,
    _place: OwnedSemaphorePermit,
}

impl Metered {
    pub(crate) fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL));
        Self {
            stream: Box::pin(stream),
            idle: Idle::default(),
            _place: place,
        }
    }
}

impl Connection for Metered {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.idle.clone())
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(context, buffer))?;
        Poll::Ready(self.idle.add(buffer.filled().len().saturating_sub(before)))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(context, bytes)
    }
}
