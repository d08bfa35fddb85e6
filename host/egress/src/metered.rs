//! A connection that cannot be kept busy with bytes that are no answer: interim responses, extensions of chunks, empty frames. Whatever is
//! read is counted; the head of an answer, and what of a body is taken, sets the count back. Nor can it be kept from ending: who does not read
//! what we send is left after a while, a request whose body is not taken ends with its answer, and what has no use for longer than any execution
//! lasts is closed. Every connection has a place among its install's.

use hyper_util::client::legacy::connect::{Connected, Connection};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of a request's body that are taken in a round at least, once its answer is over.
const ROUND_BYTES: u64 = 64 * 1024;
/// Rounds without use: an execution lasts 30 seconds, and then a connection is idle for 10.
const UNUSED_ROUNDS: u32 = 12;

/// What a connection is used for.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionActivity(Arc<ActivityState>);

#[derive(Debug, Default)]
struct ActivityState {
    /// Bytes read since the last that meant something.
    bytes: AtomicUsize,
    /// Whether there was something that meant something since the last round.
    is_used: AtomicBool,
    /// Requests whose answer is over and whose own body is not: perhaps it waits for somebody who does not take it.
    orphans: Mutex<Vec<UnfinishedUpload>>,
}

#[derive(Debug)]
struct UnfinishedUpload {
    taken: BodyProgress,
    /// Its bytes when it was looked at last.
    before: Option<u64>,
}

/// Bytes that were taken of a request's body.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyProgress(Arc<AtomicU64>);

impl BodyProgress {
    const OVER: u64 = u64::MAX;

    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.0.store(Self::OVER, Ordering::Relaxed);
    }

    /// None when it is over.
    fn bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|bytes| *bytes != Self::OVER)
    }
}

impl ConnectionActivity {
    /// A head arrived, or something of a body was taken.
    pub(crate) fn reset(&self) {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.is_used.store(true, Ordering::Relaxed);
    }

    /// The answer to a request is over, its own body may not be.
    pub(crate) fn answered(&self, taken: &BodyProgress) {
        if taken.bytes().is_some() {
            let orphan = UnfinishedUpload {
                taken: taken.clone(),
                before: None,
            };
            self.orphans().push(orphan);
        }
    }

    /// Whether the body of one of them was hardly taken in a whole round.
    fn has_stuck(&self) -> bool {
        let mut stuck = false;
        self.orphans().retain_mut(|orphan| {
            let Some(bytes) = orphan.taken.bytes() else {
                return false;
            };
            let before = orphan.before.replace(bytes);
            stuck |= before.is_some_and(|before| bytes.saturating_sub(before) < ROUND_BYTES);
            true
        });
        stuck
    }

    fn orphans(&self) -> MutexGuard<'_, Vec<UnfinishedUpload>> {
        self.0.orphans.lock().unwrap_or_else(PoisonError::into_inner)
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

pub(crate) struct GuardedStream {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    idle: ConnectionActivity,
    round: Pin<Box<Sleep>>,
    unused_rounds: u32,
    _place: OwnedSemaphorePermit,
}

impl GuardedStream {
    pub(crate) fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL));
        Self {
            stream: Box::pin(stream),
            idle: ConnectionActivity::default(),
            round: Box::pin(sleep(CHECK_INTERVAL)),
            unused_rounds: 0,
            _place: place,
        }
    }

    /// Once in a round: whether somebody still has a use for it, and what is still sent is taken.
    fn check_liveness(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.round.as_mut().poll(context).is_ready() {
            self.round.as_mut().reset(Instant::now() + CHECK_INTERVAL);
            let is_used = self.idle.0.is_used.swap(false, Ordering::Relaxed);
            self.unused_rounds = if is_used { 0 } else { self.unused_rounds + 1 };
            if self.unused_rounds > UNUSED_ROUNDS || self.idle.has_stuck() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nobody has a use for this connection",
                ));
            }
        }
        Ok(())
    }
}

impl Connection for GuardedStream {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.idle.clone())
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_liveness(context)?;
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(context, buffer))?;
        Poll::Ready(self.idle.add(buffer.filled().len().saturating_sub(before)))
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_liveness(context)?;
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
        self.check_liveness(context)?;
        self.stream.as_mut().poll_write_vectored(context, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    async fn metered() -> (GuardedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (GuardedStream::new(stream, place), listener.accept().await.unwrap().0)
    }

    /// The round is over now; whether the connection is still good.
    async fn round(metered: &mut GuardedStream) -> bool {
        metered.round.as_mut().reset(Instant::now() - CHECK_INTERVAL);
        std::future::poll_fn(|context| Poll::Ready(metered.check_liveness(context).is_ok())).await
    }

    #[tokio::test]
    async fn a_connection_that_is_used_is_kept_and_one_that_is_not_ends_after_a_minute() {
        let (mut metered, _other) = metered().await;
        for number in 0..100 {
            if number % 10 == 0 {
                metered.idle.reset();
            }
            assert!(round(&mut metered).await, "{number}");
        }
        metered.idle.reset();
        assert!(round(&mut metered).await);
        for number in 0..UNUSED_ROUNDS {
            assert!(round(&mut metered).await, "{number}");
        }
        assert!(!round(&mut metered).await);
    }

    #[tokio::test]
    async fn a_body_that_is_taken_after_its_answer_is_kept_and_one_that_is_not_ends_the_connection() {
        let (mut metered, _other) = metered().await;
        let (slow, over) = (BodyProgress::default(), BodyProgress::default());
        metered.idle.answered(&slow);
        metered.idle.answered(&over);
        over.end();
        for _ in 0..5 {
            assert!(round(&mut metered).await);
            slow.add(ROUND_BYTES);
        }
        assert_eq!(metered.idle.orphans().len(), 1, "what is over is forgotten");
        assert!(round(&mut metered).await);
        assert!(!round(&mut metered).await);
    }
}
