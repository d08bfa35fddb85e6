//! Bodies with a size limit, a deadline and traffic accounting. They are streamed frame by frame,
//! never collected.

use crate::metered::{BodyProgress, ConnectionActivity};
use crate::received::Received;
use crate::traffic::{REQUEST_BYTES, RESPONSE_BYTES};
use crate::{EgressError, Traffic};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// The error that ends a body early.
pub type BodyError = Box<dyn Error + Send + Sync>;

/// A request and its response, with the permits that they hold until both bodies have ended.
pub(crate) struct InFlightRequest {
    progress: BodyProgress,
    /// The connection, set once the response head has arrived.
    connection: OnceLock<ConnectionActivity>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl InFlightRequest {
    pub(crate) fn new(permits: [OwnedSemaphorePermit; 2]) -> Arc<Self> {
        Arc::new(Self {
            progress: BodyProgress::default(),
            connection: OnceLock::new(),
            _permits: permits,
        })
    }

    /// Attaches the connection over which the response head has arrived.
    pub(crate) fn attach_connection(&self, connection: Option<ConnectionActivity>) {
        if let Some(connection) = connection {
            self.connection.set(connection).ok();
        }
    }

    fn end_request(&self) {
        self.progress.end();
    }

    fn end_response(&self) {
        if let Some(connection) = self.connection.get() {
            connection.response_ended(&self.progress);
        }
    }
}

/// The body of an outbound request.
pub struct RequestBody {
    inner: UnsyncBoxBody<Bytes, BodyError>,
    traffic: Traffic,
    left_bytes: u64,
    /// Length that the sender declared, from which hyper writes the `content-length` header.
    length: Option<u64>,
    length_left: Option<u64>,
    exchange: Arc<InFlightRequest>,
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.exchange.end_request();
    }
}

impl RequestBody {
    pub(crate) fn new(
        inner: UnsyncBoxBody<Bytes, BodyError>,
        traffic: Traffic,
        length: Option<u64>,
        exchange: Arc<InFlightRequest>,
    ) -> Self {
        Self {
            inner,
            traffic,
            left_bytes: REQUEST_BYTES,
            length,
            length_left: length,
            exchange,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)?) else {
            return Poll::Ready(None);
        };
        // Trailers would let a guest set headers after the header check, so they are dropped.
        let Ok(data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        let bytes = data.len() as u64;
        let Some(left) = self.left_bytes.checked_sub(bytes) else {
            return Poll::Ready(Some(Err(
                EgressError::TooLarge("a request's body has at most 10 MiB").into()
            )));
        };
        self.left_bytes = left;
        // Bytes beyond the declared length could be read by a server as the start of another
        // request.
        if let Some(length) = &mut self.length_left {
            *length = length.checked_sub(bytes).ok_or(EgressError::Length)?;
        }
        self.exchange.progress.add(bytes);
        self.traffic.send(bytes).map_err(EgressError::TooMany)?;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length),
            None => self.inner.size_hint(),
        }
    }
}

/// The body of a response.
pub struct ResponseBody {
    inner: Received,
    traffic: Traffic,
    idle: Option<ConnectionActivity>,
    left_bytes: u64,
    between: Duration,
    deadline: Instant,
    timer: Pin<Box<Sleep>>,
    exchange: Arc<InFlightRequest>,
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.exchange.end_response();
    }
}

/// Time and size limits of a response body.
pub(crate) struct BodyTerms {
    pub(crate) traffic: Traffic,
    pub(crate) idle: Option<ConnectionActivity>,
    pub(crate) between: Duration,
    pub(crate) deadline: Instant,
    pub(crate) exchange: Arc<InFlightRequest>,
}

impl ResponseBody {
    pub(crate) fn new(inner: Received, terms: BodyTerms) -> Self {
        let first = terms.deadline.min(Instant::now() + terms.between);
        Self {
            inner,
            traffic: terms.traffic,
            idle: terms.idle,
            left_bytes: RESPONSE_BYTES,
            between: terms.between,
            deadline: terms.deadline,
            timer: Box::pin(sleep_until(first)),
            exchange: terms.exchange,
        }
    }

    fn account(&mut self, bytes: u64) -> Result<(), EgressError> {
        if let Some(idle) = &self.idle {
            idle.reset();
        }
        self.left_bytes = self
            .left_bytes
            .checked_sub(bytes)
            .ok_or(EgressError::ResponseTooLarge("a response's body has at most 32 MiB"))?;
        let next = self.deadline.min(Instant::now() + self.between);
        self.timer.as_mut().reset(next);
        self.traffic.receive(bytes).map_err(EgressError::TooMany)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
                ready!(self.timer.as_mut().poll(context));
                return Poll::Ready(Some(Err(EgressError::ResponseTimeout)));
            };
            let Some(frame) = frame else { return Poll::Ready(None) };
            let data = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => data,
                // Trailers bypass the header filter, and guests do not need them.
                Ok(Err(_)) => return Poll::Ready(None),
                Err(_) => return Poll::Ready(Some(Err(EgressError::Protocol))),
            };
            let bytes = data.len() as u64;
            if bytes == 0 {
                continue;
            }
            self.account(bytes)?;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
