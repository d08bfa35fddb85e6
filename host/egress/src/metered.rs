//! Connections that cannot be held open without use. Bytes that are not part of a response (interim
//! responses, chunk extensions, empty frames) are limited: everything read is counted, and a
//! response head or body data that is read resets the count. A connection also ends if the peer
//! does not read what is sent to it, if a request body stalls after its response has ended, or if
//! it was unused for longer than any execution lasts. Every connection holds one of its install's
//! permits.

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

/// Bytes that may be read without a response head or body data: a handshake, the frames around a
/// body, one response head.
const IDLE_BYTES: usize = 512 * 1024;

/// Write timeout of a connection: the peer must accept some data within it, even at shutdown.
const STALL: Duration = Duration::from_secs(30);

/// Interval between the checks of a connection.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of a request body that must be sent per check interval, once its response has ended.
const ROUND_BYTES: u64 = 64 * 1024;
/// Consecutive checks without activity after which a connection is closed: an execution lasts 30
/// seconds, and a connection is then idle for 10.
const UNUSED_ROUNDS: u32 = 12;

/// Activity of a connection, shared by the connection and its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionActivity(Arc<ActivityState>);

#[derive(Debug, Default)]
struct ActivityState {
    /// Bytes read since the last response head or body data.
    bytes: AtomicUsize,
    /// True if a response head or body data was read since the last check.
    is_used: AtomicBool,
    /// Requests whose response has ended and whose own body has not: the peer may never read the
    /// rest.
    orphans: Mutex<Vec<UnfinishedUpload>>,
}

#[derive(Debug)]
struct UnfinishedUpload {
    progress: BodyProgress,
    /// Bytes sent at the previous check.
    before: Option<u64>,
}

/// Bytes of a request body that were sent.
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

    /// Bytes sent, or `None` if the body has ended.
    fn bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|bytes| *bytes != Self::OVER)
    }
}

impl ConnectionActivity {
    /// Records that a response head or body data was read.
    pub(crate) fn reset(&self) {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.is_used.store(true, Ordering::Relaxed);
    }

    /// Records that the response to a request has ended; its request body may not have.
    pub(crate) fn response_ended(&self, progress: &BodyProgress) {
        if progress.bytes().is_some() {
            let orphan = UnfinishedUpload {
                progress: progress.clone(),
                before: None,
            };
            self.orphans().push(orphan);
        }
    }

    /// Reports whether a request body made too little progress since the previous check.
    fn has_stuck(&self) -> bool {
        let mut stuck = false;
        self.orphans().retain_mut(|orphan| {
            let Some(bytes) = orphan.progress.bytes() else {
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
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too much non-response data"));
        }
        Ok(())
    }
}

pub(crate) struct GuardedStream {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    idle: ConnectionActivity,
    round: Pin<Box<Sleep>>,
    unused_rounds: u32,
    _permit: OwnedSemaphorePermit,
}

impl GuardedStream {
    pub(crate) fn new(stream: TcpStream, permit: OwnedSemaphorePermit) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL));
        Self {
            stream: Box::pin(stream),
            idle: ConnectionActivity::default(),
            round: Box::pin(sleep(CHECK_INTERVAL)),
            unused_rounds: 0,
            _permit: permit,
        }
    }

    /// Checks the connection once per interval: it must have been used lately, and unfinished
    /// uploads must progress.
    fn check_liveness(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.round.as_mut().poll(context).is_ready() {
            self.round.as_mut().reset(Instant::now() + CHECK_INTERVAL);
            let is_used = self.idle.0.is_used.swap(false, Ordering::Relaxed);
            self.unused_rounds = if is_used { 0 } else { self.unused_rounds + 1 };
            if self.unused_rounds > UNUSED_ROUNDS || self.idle.has_stuck() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "connection idle too long"));
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
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (GuardedStream::new(stream, permit), listener.accept().await.unwrap().0)
    }

    /// Ends the current interval; returns whether the connection passes its check.
    async fn round(metered: &mut GuardedStream) -> bool {
        metered.round.as_mut().reset(Instant::now() - CHECK_INTERVAL);
        std::future::poll_fn(|context| Poll::Ready(metered.check_liveness(context).is_ok())).await
    }

    #[tokio::test]
    async fn a_used_connection_stays_open_and_an_idle_one_ends_after_a_minute() {
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
    async fn an_upload_after_its_response_may_finish_unless_it_makes_no_progress() {
        let (mut metered, _other) = metered().await;
        let (slow, over) = (BodyProgress::default(), BodyProgress::default());
        metered.idle.response_ended(&slow);
        metered.idle.response_ended(&over);
        over.end();
        for _ in 0..5 {
            assert!(round(&mut metered).await);
            slow.add(ROUND_BYTES);
        }
        assert_eq!(metered.idle.orphans().len(), 1, "a body that has ended is removed");
        assert!(round(&mut metered).await);
        assert!(!round(&mut metered).await);
    }
}
