//! A connection that cannot be kept busy with bytes that are no answer: interim responses, extensions of chunks, empty frames. Whatever is
//! read is counted; the head of an answer, and what of a body is taken, sets the count back. Nor can it be kept from ending: who does not read
//! what we send is left after a while, a request whose body is not taken ends with its answer, and what has no use for longer than any execution
//! lasts is closed. Every connection has a place among its install's.

use hyper_util::client::legacy::connect::{Connected, Connection};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use tokio_io_timeout::TimeoutStream;

/// Bytes that may be read between two that mean something: a response's head, a handshake, the frames around a body.
const IDLE_BYTES: usize = 512 * 1024;

/// How long the other side may take to accept a part of what we send, our goodbye included.
const STALL: Duration = Duration::from_secs(30);

/// How often a connection is looked at.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds without use: an execution lasts 30 seconds, and then a connection is idle for 10.
const UNUSED_ROUNDS: u32 = 12;

/// What a connection is used for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle(Arc<Use>);

#[derive(Debug, Default)]
struct Use {
    /// Bytes read since the last that meant something.
    bytes: AtomicUsize,
    /// Whether there was something that meant something since the last round.
    is_used: AtomicBool,
    /// Requests whose answer is over and whose own body is not: it waits for somebody who does not take it.
    orphans: AtomicUsize,
}

impl Idle {
    /// A head arrived, or something of a body was taken.
    pub(crate) fn reset(&self) {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.is_used.store(true, Ordering::Relaxed);
    }

    pub(crate) fn add_orphan(&self) {
        self.0.orphans.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove_orphan(&self) {
        self.0.orphans.fetch_sub(1, Ordering::Relaxed);
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        let idle = self.0.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
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
    round: Pin<Box<Sleep>>,
    unused_rounds: u32,
    had_orphans: bool,
    _place: OwnedSemaphorePermit,
}

impl Metered {
    pub(crate) fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL));
        Self {
            stream: Box::pin(stream),
            idle: Idle::default(),
            round: Box::pin(sleep(ROUND)),
            unused_rounds: 0,
            had_orphans: false,
            _place: place,
        }
    }

    /// Once in a round: whether somebody still has a use for it, and nobody waited through the whole round for its body to be taken.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.round.as_mut().poll(context).is_ready() {
            self.round.as_mut().reset(Instant::now() + ROUND);
            let Use { is_used, orphans, .. } = &*self.idle.0;
            self.unused_rounds = if is_used.swap(false, Ordering::Relaxed) {
                0
            } else {
                self.unused_rounds + 1
            };
            let has_orphans = orphans.load(Ordering::Relaxed) > 0;
            if self.unused_rounds > UNUSED_ROUNDS || (has_orphans && self.had_orphans) {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nobody has a use for this connection",
                ));
            }
            self.had_orphans = has_orphans;
        }
        Ok(())
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
        self.look(context)?;
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(context, buffer))?;
        Poll::Ready(self.idle.add(buffer.filled().len().saturating_sub(before)))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.look(context)?;
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
        self.look(context)?;
        self.stream.as_mut().poll_write_vectored(context, bytes)
    }
}
