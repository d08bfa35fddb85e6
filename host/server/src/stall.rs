//! Detection of HTTP/2 clients that do not read their responses, or send no requests. Flow control
//! applies to each stream, so a socket that can be written to does not show that a response makes
//! progress.

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

/// The requests of one connection: those that are handled, and those whose response waits for its
/// client.
#[derive(Debug, Clone)]
pub(crate) struct StallGuard(Arc<Mutex<Requests>>);

#[derive(Debug)]
struct Requests {
    next: u64,
    open: usize,
    /// Time at which the last request ended, or the connection began.
    idle_since: Instant,
    waiting_since: HashMap<u64, Instant>,
}

impl Default for StallGuard {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Requests {
            next: 0,
            open: 0,
            idle_since: Instant::now(),
            waiting_since: HashMap::new(),
        })))
    }
}

impl StallGuard {
    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a request as handled until the returned value, which goes into its response, is
    /// dropped.
    pub(crate) fn start_request(&self) -> OpenRequest {
        let mut requests = self.lock();
        requests.next += 1;
        requests.open += 1;
        OpenRequest {
            id: requests.next,
            guard: self.clone(),
        }
    }

    /// Completes when a response has waited for its client for `longest`, if that is limited, or
    /// the connection has had no request for `idle`.
    pub(crate) async fn stalled(&self, longest: Option<Duration>, idle: Duration) {
        let longest = longest.unwrap_or(Duration::MAX);
        loop {
            sleep(longest.min(idle) / 4).await;
            let requests = self.lock();
            let is_idle = requests.open == 0 && requests.idle_since.elapsed() > idle;
            let mut waiting = requests.waiting_since.values();
            if is_idle || waiting.any(|since| since.elapsed() > longest) {
                return;
            }
        }
    }
}

/// A request that is handled, or whose response is sent.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    id: u64,
    guard: StallGuard,
}

impl OpenRequest {
    /// Watches the body of the response.
    pub(crate) fn with(self, body: Body) -> GuardedBody {
        GuardedBody {
            request: self,
            body,
            rest: Bytes::new(),
        }
    }

    fn is_accepted(&self) {
        self.guard.lock().waiting_since.remove(&self.id);
    }

    fn waits(&self) {
        self.guard.lock().waiting_since.insert(self.id, Instant::now());
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut requests = self.guard.lock();
        requests.waiting_since.remove(&self.id);
        requests.open = requests.open.saturating_sub(1);
        requests.idle_since = Instant::now();
    }
}

/// A response body in small parts, of which the guard knows whether the client accepts them.
#[derive(Debug)]
pub(crate) struct GuardedBody {
    request: OpenRequest,
    body: Body,
    rest: Bytes,
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
        this.request.is_accepted();
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        this.request.waits();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, ServeLimits};
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_response_that_is_not_read_closes_a_clients_connection_but_not_a_gateways() {
        let guard = StallGuard::default();
        let request = guard.start_request();
        request.waits();
        let (soon, later) = (Duration::from_millis(10), Duration::from_secs(30));
        let runner = ServeLimits::of(Role::Runner).stream_stall;
        assert!(timeout(20 * soon, guard.stalled(runner, soon)).await.is_err());
        assert!(timeout(later, guard.stalled(Some(soon), later)).await.is_ok());
    }
}
