//! The response of a guest: complete, or received while the guest writes it.
//!
//! An execution is polled by the request's own task as long as it makes progress, so that a
//! response which is written at once costs no task and has a known length. When the guest waits
//! after it has sent its head, the execution continues in a task of its own, and the body is
//! streamed from it.

use crate::Usage;
use crate::execution::{Ended, Execution};
use crate::run_slots::Ticket;
use alga_errors::{Code, Problem};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};

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
    pub(crate) head: oneshot::Receiver<ResponseHead>,
    pub(crate) chunks: mpsc::Receiver<Chunk>,
    /// Shows whether the guest waits for a run slot.
    pub(crate) ticket: Arc<Ticket>,
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

/// The body of a guest's response. Dropping it before it is complete cancels the guest.
#[derive(Debug)]
pub struct ResponseBody {
    early: VecDeque<Bytes>,
    rest: Rest,
    /// Bytes that the guest has still to write, if it declared a length.
    missing: Option<u64>,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one: a box would be an allocation for each request"
)]
pub(crate) enum Rest {
    /// The response is complete and the guest has returned.
    Ended(Usage),
    /// The response is complete; the guest may continue until it returns, or until its deadline.
    Returning,
    /// The guest writes the response.
    Streaming(mpsc::Receiver<Chunk>, Execution),
    /// The response was interrupted; the error has been returned.
    Broken,
}

/// Error of a body that a guest did not complete.
#[derive(Debug, thiserror::Error)]
#[error("the response was interrupted: {0}")]
pub struct Interrupted(Problem);

pub(crate) fn joined(mut parts: VecDeque<Bytes>) -> Bytes {
    match parts.len() {
        0 | 1 => parts.pop_front().unwrap_or_default(),
        _ => Vec::from(parts).concat().into(),
    }
}

impl ResponseHead {
    pub(crate) fn with<B>(self, body: B) -> Response<B> {
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

impl ResponseBody {
    /// Creates the body of a response of which so many bytes have been received.
    pub(crate) fn new(early: VecDeque<Bytes>, rest: Rest, missing: Option<u64>, bytes: usize) -> Self {
        let mut body = Self { early, rest, missing };
        body.count(bytes);
        body
    }

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
        if *missing == 0 {
            self.complete_streaming();
        }
    }

    fn complete_streaming(&mut self) {
        if let Rest::Streaming(..) = &self.rest
            && let Rest::Streaming(_, guest) = std::mem::replace(&mut self.rest, Rest::Returning)
        {
            guest.detach();
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
                self.complete_streaming();
                Poll::Ready(None)
            }
            // The execution ended without completing the body.
            None => {
                let ended = ready!(guest.poll(context));
                self.rest = Rest::Broken;
                Poll::Ready(Some(Err(Interrupted(Failed::from(ended).problem))))
            }
        }
    }
}

pub(crate) fn interrupted() -> Problem {
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
