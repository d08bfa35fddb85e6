//! What executions do while they run, for readers that follow a tenant. An execution of a tenant
//! that has no reader costs one look at a number.
//!
//! | module | its one idea |
//! |---|---|
//! | `event` | an event, and its form as JSON |
//! | `channel` | the last events of one tenant, in bounded memory |

mod channel;
mod event;

pub use channel::{Batch, Place, Reader};
pub use event::{LiveEvent, LiveFilter};

use crate::Usage;
use crate::usage::outcome;
use alga_bundle::TenantId;
use alga_capabilities::{Identity, LogRecord, Permit, Watcher, Watching};
use alga_errors::{Code, Problem};
use alga_metrics::{Families, Source};
use channel::Channel;
use event::Kind;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Maximum number of tenants with readers, in one process: each has up to a MiB of events.
const TENANTS: usize = 64;
/// Maximum number of readers of one tenant, in one process.
const READERS: usize = 16;
/// Time for which the events of a tenant are retained after its last reader has left, so that it
/// can come back.
const LINGER: Duration = Duration::from_secs(60);

/// The tenants that have readers.
#[derive(Default)]
pub struct LiveEvents {
    channels: RwLock<HashMap<TenantId, Arc<Channel>>>,
    /// Number of channels; most processes have none.
    watched: AtomicUsize,
    /// Events that readers missed.
    missed: Arc<AtomicU64>,
    closed: CancellationToken,
}

impl LiveEvents {
    /// Starts to follow a tenant: from an event that the reader has seen, or from now on.
    ///
    /// # Errors
    /// Returns [`Code::RateLimited`] if the tenant has too many readers, and [`Code::Overloaded`]
    /// if too many tenants have some.
    pub fn read(self: &Arc<Self>, tenant: &TenantId, from: Option<Place>) -> Result<Reader, Problem> {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        if !channels.contains_key(tenant) {
            if channels.len() >= TENANTS {
                let problem = Problem::new(Code::Overloaded, "too many tenants are followed in this process");
                return Err(problem.retry_after_seconds(60));
            }
            let channel = Channel::counting(&self.missed);
            channels.insert(tenant.clone(), Arc::new(channel));
            self.watched.store(channels.len(), Ordering::Relaxed);
        }
        let channel = channels.get(tenant).map(Arc::clone).unwrap_or_default();
        if !channel.enter(READERS) {
            let message = format!("{READERS} readers follow this tenant already");
            return Err(Problem::new(Code::RateLimited, message).retry_after_seconds(60));
        }
        let (hub, of) = (Arc::downgrade(self), tenant.clone());
        let left = move || {
            if let Some(hub) = hub.upgrade() {
                hub.end_later(of.clone());
            }
        };
        Ok(Reader::new(channel, from, self.closed.clone(), Box::new(left)))
    }

    /// Returns the number of readers of a tenant.
    #[must_use]
    pub fn readers(&self, tenant: &TenantId) -> usize {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(tenant).map_or(0, |channel| channel.readers())
    }

    /// Ends all readers, because the process stops.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Returns the watcher of an execution, if its tenant has readers.
    pub(crate) fn watch(&self, permit: &Arc<Permit>) -> Option<Arc<Watched>> {
        if self.watched.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.get(&permit.identity.tenant)?;
        Some(Arc::new(Watched {
            channel: Arc::clone(channel),
            permit: Arc::clone(permit),
            started: Instant::now(),
        }))
    }

    /// Removes the channel of a tenant if it has had no reader for a while. Returns whether it has
    /// no reader, and is retained.
    fn is_ending(&self, tenant: &TenantId) -> bool {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        let may_end = channels.get(tenant).and_then(|channel| channel.may_end(LINGER));
        if may_end == Some(true) {
            channels.remove(tenant);
            self.watched.store(channels.len(), Ordering::Relaxed);
        }
        may_end == Some(false)
    }

    fn end_later(self: Arc<Self>, tenant: TenantId) {
        // Without a runtime, the process ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            while self.is_ending(&tenant) {
                tokio::time::sleep(LINGER).await;
            }
        });
    }
}

impl Source for LiveEvents {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        let readers: usize = channels.values().map(|channel| channel.readers()).sum();
        drop(channels);
        let readers = i64::try_from(readers).unwrap_or(i64::MAX);
        families.gauge("alga_live_readers", "Readers of live events", readers)?;
        let missed = self.missed.load(Ordering::Relaxed);
        let help = "Live events that readers missed because they were too slow";
        families.counter("alga_live_events_missed", help, missed)
    }
}

/// An execution whose tenant has readers.
pub(crate) struct Watched {
    channel: Arc<Channel>,
    permit: Arc<Permit>,
    started: Instant,
}

impl Watched {
    /// Returns the watcher for the execution's store.
    pub(crate) fn watching(watched: Option<&Arc<Self>>) -> Watching {
        watched.map(|watched| Arc::clone(watched) as Arc<dyn Watcher>)
    }

    /// Reports to the readers how the execution ended.
    pub(crate) fn ended(&self, result: &Result<u16, Problem>, usage: &Usage) {
        let result = result.as_ref().copied().map_err(Problem::code);
        self.push(Kind::Outcome {
            outcome: outcome(result),
            status: result.ok(),
            usage: Box::new(*usage),
        });
    }

    fn push(&self, kind: Kind) {
        let Identity {
            request,
            extension,
            install,
            ..
        } = &self.permit.identity;
        self.channel.push(LiveEvent::new(
            [request.as_str(), extension.as_str(), install.as_str()],
            self.started.elapsed(),
            kind,
        ));
    }
}

impl Watcher for Watched {
    fn wrote(&self, record: &LogRecord) {
        self.push(Kind::Record(record.clone()));
    }

    fn called(&self, interface: &'static str) {
        self.push(Kind::Call(interface));
    }
}
