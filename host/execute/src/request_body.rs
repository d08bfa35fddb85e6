//! The body of a request for a guest: complete, or received while the guest reads it.

use crate::response_body::joined;
use alga_errors::{Code, Problem};
use alga_http::{BODY_TIMEOUT, declared_length, read_failed};
use alga_limits::BODY_BYTES;
use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, Full, Limited};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

/// Bytes that are received before an execution starts: a client that sends slowly uses a connection
/// and this much memory, but no slot of the pool.
const EARLY_BYTES: usize = 64 * 1024;

/// The body of a request for a guest, of at most [`BODY_BYTES`].
#[derive(Debug)]
pub struct RequestBody(Kind);

#[derive(Debug)]
enum Kind {
    Complete(Bytes),
    Streamed(StreamedBody),
}

/// A body whose first bytes have arrived.
#[derive(Debug)]
struct StreamedBody {
    early: VecDeque<Bytes>,
    rest: Limited<Body>,
    /// Length that the client declared.
    declared: Option<u64>,
    progress: BodyProgress,
}

/// Progress of a body that is received while the guest reads it: its bytes, and the reason why it
/// was not received completely. The guest learns only that it failed.
#[derive(Debug, Clone, Default)]
pub struct BodyProgress(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    bytes: AtomicU64,
    failure: Mutex<Option<Problem>>,
}

impl BodyProgress {
    fn fail(&self, problem: Problem) {
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    fn add(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the bytes that the guest has been given.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Returns the reason once, if the body has failed.
    #[must_use]
    pub fn failure(&self) -> Option<Problem> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Complete(bytes))
    }
}

impl RequestBody {
    /// Receives a body: all of it if it has at most [`EARLY_BYTES`], otherwise its beginning; the
    /// rest is received when the guest reads it.
    ///
    /// # Errors
    /// Returns [`Code::PayloadTooLarge`] for a body that declares more than [`BODY_BYTES`], and
    /// [`Code::BadRequest`] for one that is not framed as HTTP requires or does not arrive in time.
    pub async fn receive(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let declared = declared_length(headers);
        if declared.is_some_and(|bytes| bytes > BODY_BYTES as u64) {
            let message = format!("the body has more than {BODY_BYTES} bytes");
            return Err(Problem::new(Code::PayloadTooLarge, message));
        }
        let (mut early, mut bytes) = (VecDeque::new(), 0);
        let mut rest = Limited::new(body, BODY_BYTES);
        let deadline = Instant::now() + BODY_TIMEOUT;
        while bytes <= EARLY_BYTES {
            let frame = timeout_at(deadline, rest.frame()).await;
            let frame = frame.map_err(|_| Problem::new(Code::BadRequest, "the body did not arrive in time"))?;
            match frame {
                None => return Ok(Self(Kind::Complete(joined(early)))),
                Some(Err(error)) => return Err(read_failed(error, BODY_BYTES)),
                // Trailers of a request are not passed on (RFC 9110, 6.5.1).
                Some(Ok(frame)) => early.extend(frame.into_data().ok().inspect(|data| bytes += data.len())),
            }
        }
        Ok(Self(Kind::Streamed(StreamedBody {
            early,
            rest,
            declared,
            progress: BodyProgress::default(),
        })))
    }

    /// Returns another body with the same bytes, if all of them have arrived.
    #[must_use]
    pub fn copy(&self) -> Option<Self> {
        match &self.0 {
            Kind::Complete(bytes) => Some(bytes.clone().into()),
            Kind::Streamed(_) => None,
        }
    }

    /// Returns the length of the body, if it is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Complete(bytes) => Some(bytes.len() as u64),
            Kind::Streamed(body) => body.declared,
        }
    }

    /// Receives the rest of the body.
    ///
    /// # Errors
    /// Returns the errors of [`Self::receive`].
    pub async fn complete(self) -> Result<Bytes, Problem> {
        match self.0 {
            Kind::Complete(bytes) => Ok(bytes),
            Kind::Streamed(body) => {
                let progress = body.progress.clone();
                let collected = tokio::time::timeout(BODY_TIMEOUT, body.collect()).await;
                let late = |_| Problem::new(Code::BadRequest, "the body did not arrive in time");
                let collected = collected.map_err(late)?;
                collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
                    let unknown = || Problem::internal(error.to_string());
                    progress.failure().unwrap_or_else(unknown)
                })
            }
        }
    }

    /// Converts the body for another HTTP client, such as the one of a gateway.
    pub fn into_body(self) -> Body {
        match self.0 {
            Kind::Complete(bytes) => Body::from(bytes),
            Kind::Streamed(body) => Body::new(body.map_err(|error| format!("{error:?}"))),
        }
    }

    /// Returns where the progress of the body will be seen.
    #[must_use]
    pub fn progress(&self) -> BodyProgress {
        match &self.0 {
            Kind::Complete(bytes) => {
                let progress = BodyProgress::default();
                progress.add(bytes.len());
                progress
            }
            Kind::Streamed(body) => body.progress.clone(),
        }
    }

    pub(crate) fn into_wasi(self) -> WasiBody {
        match self.0 {
            Kind::Complete(bytes) => Full::new(bytes)
                .map_err(|never: Infallible| -> WasiError { match never {} })
                .boxed_unsync(),
            Kind::Streamed(body) => body.boxed_unsync(),
        }
    }
}

impl http_body::Body for StreamedBody {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        if let Some(bytes) = self.early.pop_front() {
            self.progress.add(bytes.len());
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.rest).poll_frame(context)) {
                None => None,
                Some(Ok(frame)) => {
                    let Some(data) = frame.data_ref() else {
                        // Trailers.
                        continue;
                    };
                    self.progress.add(data.len());
                    Some(Ok(frame))
                }
                Some(Err(error)) => {
                    self.progress.fail(read_failed(error, BODY_BYTES));
                    Some(Err(WasiError::HttpProtocolError))
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::CONTENT_LENGTH;

    fn chunks(sizes: &[usize]) -> Body {
        let chunks: Vec<_> = sizes
            .iter()
            .map(|size| Ok::<_, Infallible>(vec![b'x'; *size]))
            .collect();
        Body::from_stream(futures_util::stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_small_body_is_complete_before_the_execution_and_a_large_one_is_streamed() {
        let headers = HeaderMap::new();
        let small = RequestBody::receive(&headers, chunks(&[3, 4])).await.unwrap();
        assert_eq!(small.length(), Some(7));
        assert_eq!(small.complete().await.unwrap(), vec![b'x'; 7]);
        let large = RequestBody::receive(&headers, chunks(&[EARLY_BYTES, 1, 5]))
            .await
            .unwrap();
        assert_eq!(large.length(), None);
        assert_eq!(large.complete().await.unwrap().len(), EARLY_BYTES + 6);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_it_declares_its_length_or_not() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(BODY_BYTES + 1));
        let declared = RequestBody::receive(&headers, chunks(&[1])).await;
        assert_eq!(declared.unwrap_err().code(), Code::PayloadTooLarge);
        let sizes = [EARLY_BYTES + 1, BODY_BYTES - EARLY_BYTES];
        let sent = RequestBody::receive(&HeaderMap::new(), chunks(&sizes)).await.unwrap();
        assert_eq!(sent.complete().await.unwrap_err().code(), Code::PayloadTooLarge);
    }
}
