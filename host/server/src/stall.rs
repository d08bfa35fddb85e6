//! Detection of HTTP/2 clients that do not read their responses. Flow control applies to each
//! stream, so a socket that can be written to does not show that a response makes progress.

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Largest part of a response that is handed to the HTTP library at once, which buffers it for a
/// client that does not read.
const PART_BYTES: usize = 64 * 1024;

/// The responses of one connection that wait for their client.
#[derive(Debug, Clone, Default)]
pub(crate) struct StallGuard(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    since: HashMap<u64, Instant>,
}

impl StallGuard {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the body of a response.
    pub(crate) fn watch(&self, body: Body) -> GuardedBody {
        let mut waiting = self.lock();
        waiting.next += 1;
        GuardedBody {
            id: waiting.next,
            body,
            rest: Bytes::new(),
            guard: self.clone(),
        }
    }

    /// Completes when a response has waited for its client for this time.
    pub(crate) async fn stalled(&self, longest: Duration) {
        loop {
            sleep(longest / 4).await;
            if self.lock().since.values().any(|since| since.elapsed() > longest) {
                return;
            }
        }
    }
}

/// A response body in small parts, of which the guard knows whether the client accepts them.
#[derive(Debug)]
pub(crate) struct GuardedBody {
    id: u64,
    body: Body,
    rest: Bytes,
    guard: StallGuard,
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        // The client has accepted the previous part.
        this.guard.lock().since.remove(&this.id);
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        this.guard.lock().since.insert(this.id, Instant::now());
        let part = this.rest.split_to(this.rest.len().min(PART_BYTES));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        match hint.exact() {
            Some(exact) => SizeHint::with_exact(exact + rest),
            None => {
                hint.set_lower(hint.lower() + rest);
                hint
            }
        }
    }
}

impl Drop for GuardedBody {
    fn drop(&mut self) {
        self.guard.lock().since.remove(&self.id);
    }
}
