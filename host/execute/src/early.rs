//! The beginning of a guest's response: what the guest writes before it waits for the first time.

use crate::Usage;
use crate::execution::{Ended, Execution};
use crate::response_body::{Chunk, Failed, ResponseBody, ResponseHead, ResponseReader, Rest, joined};
use crate::yielding::YieldDetector;
use alga_errors::Problem;
use alga_http::declared_length;
use alga_limits::BODY_BYTES;
use bytes::Bytes;
use http::Response;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep_until};

/// Bytes of a response that are collected before it is streamed, if the guest writes them without
/// waiting: a client that reads slowly does not hold the guest.
const EARLY_BYTES: usize = BODY_BYTES;
/// Time for which a guest may compute after it has written its head, before the response is
/// streamed although the guest does not wait: on a busy host, a guest that is about to complete its
/// response gives way, too.
const LONGEST_YIELDING: Duration = Duration::from_millis(200);
/// Time for which a complete response of a guest on another thread waits for the guest to return:
/// most do so at once, and then their usage and record are there before the response is.
const LONGEST_RETURN: Duration = Duration::from_millis(10);

/// The part of a response that an execution has written before it first waits.
#[derive(Default)]
struct Early {
    head: Option<ResponseHead>,
    chunks: VecDeque<Bytes>,
    bytes: usize,
    is_complete: bool,
    /// True if the response of a guest on another thread is complete and the guest is about to
    /// return.
    is_returning: bool,
    ended: Option<Ended>,
    detector: YieldDetector,
    /// True if the guest waits, or has computed for the longest time.
    is_waiting: bool,
    /// Time at which the response is passed on although the guest computes: known with the head.
    latest: Option<Instant>,
    /// Ends this time for a guest on another thread.
    timer: Option<Pin<Box<Sleep>>>,
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
        None if is_complete => {
            execution.detach();
            Rest::Returning
        }
        None => {
            execution.move_there();
            Rest::Streaming(reader.chunks, execution)
        }
    };
    let missing = declared_length(&head.headers);
    let body = ResponseBody::new(chunks, rest, missing, bytes);
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

impl Early {
    /// Polls the execution and receives what it has written, until it has ended, waits, or
    /// `is_enough` of its response is there. An execution whose guest has used up a slice is moved
    /// to the guest threads.
    fn poll(
        &mut self,
        execution: &mut Execution,
        reader: &mut ResponseReader,
        context: &mut Context<'_>,
        is_enough: fn(&Self, bool) -> bool,
    ) -> Poll<()> {
        loop {
            let has_progress = if execution.is_there() {
                self.poll_there(execution, reader, context)
            } else {
                self.poll_here(execution, reader, context)
            };
            if self.ended.is_some() || is_enough(self, has_progress) {
                return Poll::Ready(());
            }
            let is_moved = reader.ticket.computes() && execution.move_if_allowed();
            if !is_moved && !has_progress {
                return Poll::Pending;
            }
        }
    }

    /// Polls an execution of this task, which writes only while it is polled.
    fn poll_here(&mut self, execution: &mut Execution, reader: &mut ResponseReader, context: &mut Context<'_>) -> bool {
        let (polled, is_yielding) = self.detector.poll(context, |context| execution.poll(context));
        if let Poll::Ready(ended) = polled {
            self.ended = Some(ended);
        }
        if self.head.is_none() {
            self.head = reader.head.try_recv().ok();
            self.latest = self.head.is_some().then(|| Instant::now() + LONGEST_YIELDING);
        }
        self.is_waiting = !(is_yielding || reader.ticket.is_queued());
        // Each chunk that is removed lets the execution write the next one.
        let mut has_progress = false;
        while let Ok(chunk) = reader.chunks.try_recv() {
            has_progress = true;
            self.add(chunk);
        }
        has_progress
    }

    /// Receives from an execution on another thread.
    fn poll_there(
        &mut self,
        execution: &mut Execution,
        reader: &mut ResponseReader,
        context: &mut Context<'_>,
    ) -> bool {
        // First: what it wrote before it ended is received below.
        if let Poll::Ready(ended) = execution.poll(context) {
            self.ended = Some(ended);
        }
        // It is also over if the guest ended without a response.
        if !reader.head.is_terminated()
            && let Poll::Ready(Ok(head)) = Pin::new(&mut reader.head).poll(context)
        {
            self.head = Some(head);
            self.latest = Some(Instant::now() + LONGEST_YIELDING);
        }
        let is_waiting = reader.ticket.poll_waiting(context);
        let mut has_progress = false;
        while let Poll::Ready(Some(chunk)) = reader.chunks.poll_recv(context) {
            has_progress = true;
            self.add(chunk);
        }
        if self.is_complete && has_progress {
            let soon = Instant::now() + LONGEST_RETURN;
            self.latest = self.latest.map(|latest| latest.min(soon));
        }
        self.is_waiting = self.latest.is_some() && (is_waiting || self.poll_timer(context));
        self.is_returning = self.is_complete && !self.is_waiting;
        if self.ended.is_some() {
            self.receive_rest(reader);
        }
        has_progress
    }

    /// Reports whether the latest time has passed.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> bool {
        let Some(latest) = self.latest.map(Into::into) else {
            return false;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(latest)));
        if timer.deadline() != latest {
            timer.as_mut().reset(latest);
        }
        timer.as_mut().poll(context).is_ready()
    }

    /// Receives what is left when an execution has ended, although tokio's budget of this task may
    /// be used up.
    fn receive_rest(&mut self, reader: &mut ResponseReader) {
        if self.head.is_none() {
            self.head = reader.head.try_recv().ok();
        }
        while let Ok(chunk) = reader.chunks.try_recv() {
            self.add(chunk);
        }
    }

    fn is_enough(&self, has_progress: bool) -> bool {
        let is_late = self.latest.is_some_and(|latest| Instant::now() >= latest);
        let has_stopped = is_late || (!has_progress && self.is_waiting);
        let is_complete = self.is_complete && !self.is_returning;
        self.head.is_some() && (is_complete || self.bytes >= EARLY_BYTES || has_stopped)
    }

    fn add(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::Data(bytes) => {
                self.bytes += bytes.len();
                self.chunks.push_back(bytes);
            }
            Chunk::End => self.is_complete = true,
        }
    }

    fn failed(self) -> Failed {
        let unknown = || Failed::from(Problem::internal("an execution ended without a result"));
        self.ended.map_or_else(unknown, Failed::from)
    }
}
