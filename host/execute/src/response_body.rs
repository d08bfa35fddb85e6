//! The response of a guest: complete, or received while the guest writes it.
//!
//! An execution is polled by the request's own task as long as it makes progress, so that a
//! response which is written at once costs no task and has a known length. When the guest waits
//! after it has sent its head, the execution continues in a task of its own, and the body is
//! streamed from it.

use crate::Usage;
use crate::run_slots::Ticket;
use crate::yielding::YieldDetector;
use alga_errors::{Code, Problem};
use alga_http::declared_length;
use alga_limits::BODY_BYTES;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

/// Bytes of a response that are collected before it is streamed, if the guest writes them without
/// waiting: a client that reads slowly does not hold the guest.
const EARLY_BYTES: usize = BODY_BYTES;
/// Time for which a guest may compute after it has written its head, before the response is
/// streamed although the guest does not wait: on a busy host, a guest that is about to complete its
/// response gives way, too.
const LONGEST_YIELDING: Duration = Duration::from_millis(200);
/// Capacity of the channel from a guest to its client, in chunks of at most 64 KiB: with a client
/// that does not read, the guest waits.
const CHUNKS: usize = 1;

/// The head of a guest's response.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// A part of a response's body.
#[derive(Debug)]
pub(crate) enum Chunk {
    Data(Bytes),
    /// The body is complete. Without it, the body was interrupted.
    End,
}

/// The end of an execution: its usage, and the failure that made its response incomplete.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) usage: Usage,
    pub(crate) result: Result<(), Problem>,
}

impl From<Problem> for Failed {
    /// A request that was refused before it used anything.
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            usage: Usage::default(),
        }
    }
}

/// An execution without a complete response.
#[derive(Debug)]
pub struct Failed {
    /// The error for the caller.
    pub problem: Problem,
    /// Resources that the execution used.
    pub usage: Usage,
}

/// The side of the channels that an execution writes to.
pub(crate) struct ResponseWriter {
    pub(crate) head: oneshot::Sender<ResponseHead>,
    pub(crate) chunks: mpsc::Sender<Chunk>,
}

/// The side of the channels that the client's response is read from.
pub(crate) struct ResponseReader {
    head: oneshot::Receiver<ResponseHead>,
    chunks: mpsc::Receiver<Chunk>,
    /// Shows whether the guest waits for a run slot.
    ticket: Arc<Ticket>,
}

/// Creates the channels of one execution, whose ticket shows whether it waits for a run slot.
pub(crate) fn response_channel(ticket: Arc<Ticket>) -> (ResponseWriter, ResponseReader) {
    let (head, head_receiver) = oneshot::channel();
    let (chunks, chunk_receiver) = mpsc::channel(CHUNKS);
    let reader = ResponseReader {
        head: head_receiver,
        chunks: chunk_receiver,
        ticket,
    };
    (ResponseWriter { head, chunks }, reader)
}

/// An execution in progress. It owns everything that it uses, so that it can move to another task;
/// dropping it cancels the guest.
pub(crate) type Execution = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// The body of a guest's response. Dropping it before it is complete cancels the guest.
#[derive(Debug)]
pub struct ResponseBody {
    early: VecDeque<Bytes>,
    rest: Rest,
    /// Bytes that the guest has still to write, if it declared a length.
    missing: Option<u64>,
}

#[derive(Debug)]
enum Rest {
    /// The response is complete and the guest has returned.
    Ended(Usage),
    /// The response is complete; the guest may continue until it returns, or until its deadline.
    Returning,
    /// The guest writes the response.
    Streaming(mpsc::Receiver<Chunk>, JoinHandle<Ended>),
    /// The response was interrupted; the error has been returned.
    Broken,
}

/// Error of a body that a guest did not complete.
#[derive(Debug, thiserror::Error)]
#[error("the response was interrupted: {0}")]
pub struct Interrupted(Problem);

/// The part of a response that an execution has written before it first waits.
#[derive(Default)]
struct Early {
    head: Option<ResponseHead>,
    chunks: VecDeque<Bytes>,
    bytes: usize,
    is_complete: bool,
    ended: Option<Ended>,
    detector: YieldDetector,
    /// True if the guest gave way the last time.
    is_yielding: bool,
    /// Time at which the head was received.
    since: Option<Instant>,
}

/// Polls an execution until its response is complete, or until it waits after it has sent the head.
pub(crate) async fn start(
    mut execution: Execution,
    mut reader: ResponseReader,
) -> Result<Response<ResponseBody>, Failed> {
    let mut early = Early::default();
    poll_fn(|context| early.poll(&mut execution, &mut reader, context, Early::is_enough)).await;
    let Early {
        head: Some(head),
        chunks,
        bytes,
        is_complete,
        ended,
        ..
    } = early
    else {
        return Err(early.failed());
    };
    let rest = match ended {
        Some(ended) if is_complete => Rest::Ended(ended.usage),
        Some(ended) => return Err(ended.into()),
        None => {
            let guest = tokio::spawn(execution.instrument(Span::current()));
            if is_complete {
                Rest::Returning
            } else {
                Rest::Streaming(reader.chunks, guest)
            }
        }
    };
    let missing = declared_length(&head.headers);
    let mut body = ResponseBody {
        early: chunks,
        rest,
        missing,
    };
    body.count(bytes);
    Ok(head.with(body))
}

/// Polls an execution to its end and collects its response.
pub(crate) async fn collect(
    mut execution: Execution,
    mut reader: ResponseReader,
) -> Result<(Response<Bytes>, Usage), Failed> {
    let mut early = Early::default();
    poll_fn(|context| early.poll(&mut execution, &mut reader, context, |_, _| false)).await;
    match early {
        Early {
            head: Some(head),
            chunks,
            is_complete: true,
            ended: Some(ended),
            ..
        } => Ok((head.with(joined(chunks)), ended.usage)),
        incomplete => Err(incomplete.failed()),
    }
}

pub(crate) fn joined(mut parts: VecDeque<Bytes>) -> Bytes {
    match parts.len() {
        0 | 1 => parts.pop_front().unwrap_or_default(),
        _ => Vec::from(parts).concat().into(),
    }
}

impl ResponseHead {
    fn with<B>(self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<Ended> for Failed {
    fn from(Ended { usage, result }: Ended) -> Self {
        let problem = result.err().unwrap_or_else(interrupted);
        Self { problem, usage }
    }
}

impl Early {
    /// Polls the execution and receives what it has written, until it has ended, waits, or
    /// `is_enough` of its response is there.
    fn poll(
        &mut self,
        execution: &mut Execution,
        reader: &mut ResponseReader,
        context: &mut Context<'_>,
        is_enough: fn(&Self, bool) -> bool,
    ) -> Poll<()> {
        loop {
            let (polled, is_yielding) = self.detector.poll(context, |context| execution.as_mut().poll(context));
            self.is_yielding = is_yielding || reader.ticket.is_queued();
            if let Poll::Ready(ended) = polled {
                self.ended = Some(ended);
            }
            if self.head.is_none() {
                self.head = reader.head.try_recv().ok();
                self.since = self.head.is_some().then(Instant::now);
            }
            // Each chunk that is removed lets the execution write the next one.
            let has_progress = self.receive(&mut reader.chunks);
            if self.ended.is_some() || is_enough(self, has_progress) {
                return Poll::Ready(());
            }
            if !has_progress {
                return Poll::Pending;
            }
        }
    }

    fn is_enough(&self, has_progress: bool) -> bool {
        let is_waiting = || !self.is_yielding || self.since.is_some_and(|since| since.elapsed() >= LONGEST_YIELDING);
        let has_stopped = || !has_progress && is_waiting();
        self.head.is_some() && (self.is_complete || self.bytes >= EARLY_BYTES || has_stopped())
    }

    fn receive(&mut self, chunks: &mut mpsc::Receiver<Chunk>) -> bool {
        let mut has_progress = false;
        while let Ok(chunk) = chunks.try_recv() {
            has_progress = true;
            match chunk {
                Chunk::Data(bytes) => {
                    self.bytes += bytes.len();
                    self.chunks.push_back(bytes);
                }
                Chunk::End => self.is_complete = true,
            }
        }
        has_progress
    }

    fn failed(self) -> Failed {
        let unknown = || Failed::from(Problem::internal("an execution ended without a result"));
        self.ended.map_or_else(unknown, Failed::from)
    }
}

impl ResponseBody {
    /// Creates the body of an execution that has ended.
    pub(crate) fn complete(bytes: Bytes, usage: Usage) -> Self {
        Self {
            early: (!bytes.is_empty()).then_some(bytes).into_iter().collect(),
            rest: Rest::Ended(usage),
            missing: None,
        }
    }

    /// Counts bytes that the guest has written. The last byte of a declared length completes a
    /// response: an HTTP/1.1 server reads no further, and then the guest must not be cancelled.
    fn count(&mut self, bytes: usize) {
        let Some(missing) = &mut self.missing else {
            return;
        };
        *missing = missing.saturating_sub(bytes as u64);
        if *missing == 0 && matches!(self.rest, Rest::Streaming(..)) {
            self.rest = Rest::Returning;
        }
    }

    /// Returns the usage of an execution that has ended.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match &self.rest {
            Rest::Ended(usage) => Some(*usage),
            _ => None,
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        if let Some(bytes) = self.early.pop_front() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        let Rest::Streaming(chunks, guest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        match ready!(chunks.poll_recv(context)) {
            Some(Chunk::Data(bytes)) => {
                self.count(bytes.len());
                Poll::Ready(Some(Ok(bytes)))
            }
            Some(Chunk::End) => {
                self.rest = Rest::Returning;
                Poll::Ready(None)
            }
            // The execution ended without completing the body.
            None => {
                let ended = ready!(Pin::new(guest).poll(context));
                self.rest = Rest::Broken;
                let problem = match ended {
                    Ok(ended) => Failed::from(ended).problem,
                    Err(error) => Problem::internal(error),
                };
                Poll::Ready(Some(Err(Interrupted(problem))))
            }
        }
    }
}

fn interrupted() -> Problem {
    Problem::new(Code::InvalidGuestResponse, "the response was interrupted")
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        let data = ready!(self.poll_data(context));
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.early.is_empty() && !matches!(self.rest, Rest::Streaming(..))
    }

    fn size_hint(&self) -> SizeHint {
        let early = self.early.iter().map(|bytes| bytes.len() as u64).sum();
        match (&self.rest, self.missing) {
            // The runner holds a guest to the length that it declares.
            (Rest::Streaming(..), Some(missing)) => SizeHint::with_exact(early + missing),
            (Rest::Streaming(..), None) => {
                let mut hint = SizeHint::default();
                hint.set_lower(early);
                hint
            }
            _ => SizeHint::with_exact(early),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // The client has disconnected: the guest's work is of no use any more.
        if let Rest::Streaming(_, guest) = &self.rest {
            guest.abort();
        }
    }
}
