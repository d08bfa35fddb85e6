//! Requests whose responses have yet to arrive.

use super::{Response, Target, failed};
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::types as wasi;
use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::{Error, Result};
use std::time::Duration;

/// A request that was sent. Dropping it cancels it.
#[derive(Debug)]
pub struct Pending {
    pub(super) response: wasi::FutureIncomingResponse,
    pub(super) target: Target,
}

impl Pending {
    /// Waits for the status and headers of the response.
    ///
    /// # Errors
    /// Returns the errors of [`RequestBuilder::send`](super::RequestBuilder::send).
    pub fn response(self) -> Result<Response> {
        self.response.subscribe().block();
        match self.response.get() {
            Some(Ok(Ok(raw))) => Ok(Response {
                stream: None,
                body: None,
                raw,
                target: self.target,
            }),
            Some(Ok(Err(error))) => Err(failed(&error, &self.target)),
            _ => Err(Error::Internal("the response was already consumed".into())),
        }
    }
}

/// Waits until one of these requests has a response or has failed, and returns its index; none if
/// the time is over first, or if there is nothing to wait for. Without requests, it is a pause.
#[must_use]
pub fn wait_any(pending: &[&Pending], timeout: Option<Duration>) -> Option<usize> {
    let mut all: Vec<Pollable> = pending.iter().map(|one| one.response.subscribe()).collect();
    if let Some(timeout) = timeout {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        all.push(monotonic_clock::subscribe_duration(nanoseconds));
    }
    // The host traps if it is to poll nothing.
    if all.is_empty() {
        return None;
    }
    let ready = poll(&all.iter().collect::<Vec<_>>());
    let first = ready.first().and_then(|index| usize::try_from(*index).ok());
    first.filter(|index| *index < pending.len())
}
