//! Per-execution traffic counters and their limits.

use crate::EgressError;
use alga_traces::{InnermostSpan, ParentSpan};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a request body: the same as for a request to an extension.
pub(crate) const REQUEST_BYTES: u64 = 10 * 1024 * 1024;
/// Bytes of a response body. It is streamed: the host holds one frame of it.
pub(crate) const RESPONSE_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of one execution in each direction.
const EXECUTION_BYTES: u64 = 64 * 1024 * 1024;
/// Number of requests of one execution.
const REQUESTS: u64 = 64;
/// Concurrent requests of one execution.
const AT_ONCE: usize = 8;

/// The traffic counters of one execution, shared by everything that sends for it.
#[derive(Debug, Clone)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
    requests: AtomicU64,
    permits: Arc<Semaphore>,
    trace: Option<InnermostSpan>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self::traced(None)
    }
}

impl Traffic {
    /// Counts for an execution that has this innermost span, if it is traced.
    #[must_use]
    pub fn traced(trace: Option<InnermostSpan>) -> Self {
        Self(Arc::new(Counts {
            sent_bytes: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            trace,
        }))
    }

    /// Returns the place under which the span of a request begins.
    pub(crate) fn trace(&self) -> Option<ParentSpan> {
        self.0.trace.as_ref().map(InnermostSpan::place_of_call)
    }

    /// Bytes of heads and bodies that were sent.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of heads and bodies that were received.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.0.received_bytes.load(Ordering::Relaxed)
    }

    /// Counts a request and acquires its permit, to be held until the exchange ends.
    pub(crate) fn begin(&self) -> Result<OwnedSemaphorePermit, EgressError> {
        if self.0.requests.fetch_add(1, Ordering::Relaxed) >= REQUESTS {
            return Err(EgressError::TooMany("an execution sends at most 64 requests"));
        }
        let permit = Arc::clone(&self.0.permits).try_acquire_owned();
        permit.map_err(|_| EgressError::TooMany("an execution has at most 8 concurrent requests"))
    }

    pub(crate) fn send(&self, bytes: u64) -> Result<(), &'static str> {
        add(&self.0.sent_bytes, bytes, "an execution sends at most 64 MiB")
    }

    pub(crate) fn receive(&self, bytes: u64) -> Result<(), &'static str> {
        add(&self.0.received_bytes, bytes, "an execution receives at most 64 MiB")
    }
}

fn add(counter: &AtomicU64, bytes: u64, rule: &'static str) -> Result<(), &'static str> {
    let total = counter.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    if total > EXECUTION_BYTES { Err(rule) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_may_send_and_receive_at_most_64_mebibytes() {
        let traffic = Traffic::default();
        for count in [Traffic::send, Traffic::receive] {
            assert!(count(&traffic, EXECUTION_BYTES - 1).is_ok());
            assert!(count(&traffic, 1).is_ok());
            assert!(count(&traffic, 1).is_err());
        }
    }
}
