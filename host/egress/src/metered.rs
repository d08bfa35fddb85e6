//! A connection that cannot be kept busy with bytes that are no answer: interim responses, extensions of chunks, empty frames. Whatever is
//! read is counted; what is sent and what of a body arrives sets the count back.

use hyper_util::client::legacy::connect::{Connected, Connection};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that may be read between two that mean something: a response's head, a handshake, the frames around a body.
const IDLE_BYTES: usize = 512 * 1024;

/// Bytes read since the last that meant something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle(Arc<AtomicUsize>);

impl Idle {
    /// Something of a body arrived, or something was asked.
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
    stream: TcpStream,
    idle: Idle,
}

impl Metered {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            idle: Idle::default(),
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
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.idle.add(buffer.filled().len().saturating_sub(before)))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.idle.reset();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.idle.reset();
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
}
