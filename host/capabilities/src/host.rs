//! The data in the wasmtime store of an execution.

use crate::ambient::{Ambient, HasAmbient, http_view};
use crate::ambient_async::HasAmbientAsync;
use crate::guest_log::GuestLog;
use crate::host_calls::{GuestTime, HostCalls};
use crate::host_dependencies::ExecutionContext;
use crate::secret_injector::SecretInjector;
use crate::stdio::{HasStdio, View};
use crate::stdio_async::HasStdioAsync;
use crate::traced_calls::TracedCalls;
use crate::{
    CAPABILITIES, GrantSet, LogRecord, Permit, Place, Release, Services, States, Watching, ambient, ambient_async,
    known, link_granted, link_granted_async, request_parts, stdio, stdio_async,
};
use alga_egress::Traffic;
use alga_engine::{Engine, GuestLimit, Limited, StoreLimiter};
use alga_traces::{InnermostSpan, ParentSpan};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{CallHook, Error, Store};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// Maximum number of resource handles that the host holds for a guest; wasmtime's default is a
/// million.
const HOST_HANDLES: usize = 1_000;
/// Maximum calls to the host per execution. A call costs the host about a microsecond, so all of
/// them cost about a tenth of a second.
const HOST_CALLS: u64 = 100_000;

/// Places of the interfaces for standard streams, and of those of WASI 0.3, in [`crate::known`].
const STDIO: usize = CAPABILITIES + ambient::INTERFACES.len();
const ASYNC: usize = STDIO + stdio::INTERFACES.len();
const ASYNC_STDIO: usize = ASYNC + ambient_async::INTERFACES.len();
const ASYNC_CLIENT: usize = ASYNC_STDIO + stdio_async::INTERFACES.len();

/// The data of a store: limits, the ambient interfaces, and the state of each capability.
pub struct StoreData {
    limiter: StoreLimiter,
    pub(crate) table: ResourceTable,
    pub(crate) ambient: Ambient,
    pub(crate) states: States,
    pub(crate) guest_log: GuestLog,
    traffic: Traffic,
    all_calls: u64,
    pub(crate) host_calls: HostCalls,
    guest_time: GuestTime,
    watching: Watching,
    calls: TracedCalls,
}

/// Resource usage of an execution, as far as its store measures it.
#[derive(Debug, Clone, Default)]
pub struct Accounting {
    /// Peak memory of the guest, in bytes.
    pub memory_peak_bytes: usize,
    /// Number of calls to the host.
    pub host_calls: u64,
    /// Numbers of calls by interface.
    pub host_calls_by: HostCalls,
    /// Time in which the guest's own code ran.
    pub guest_time: Duration,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
    /// Log records of the execution.
    pub log: Vec<LogRecord>,
    /// Number of log records that were dropped.
    pub log_dropped: u64,
}

impl StoreData {
    /// Creates the data for one execution.
    #[must_use]
    pub fn new(
        permit: &Arc<Permit>,
        release: &Arc<Release>,
        services: &Services,
        watching: Watching,
        trace: Option<ParentSpan>,
    ) -> Self {
        let guest_log = services.log.guest_log(&permit.identity.install, watching.clone());
        let innermost = trace.map(InnermostSpan::new);
        let (traffic, calls) = (Traffic::traced(innermost.clone()), TracedCalls::new(innermost.clone()));
        let execution_context = ExecutionContext {
            permit,
            release,
            guest_log: &guest_log,
            traffic: &traffic,
            secret_injector: &SecretInjector::default(),
            calls: &calls,
            innermost_span: innermost.as_ref(),
        };
        let states = States::new(&execution_context, services);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HOST_HANDLES);
        Self {
            limiter: StoreLimiter::new(permit.memory_bytes),
            table,
            ambient: Ambient::new(services.time.clone()),
            states,
            guest_log,
            traffic,
            all_calls: 0,
            host_calls: HostCalls::default(),
            guest_time: GuestTime::default(),
            watching,
            calls,
        }
    }

    /// Measures what the guest uses, and terminates a guest that calls the host too often.
    pub fn measure(store: &mut Store<Self>) {
        store.call_hook(|mut store, hook| {
            let host = store.data_mut();
            match hook {
                CallHook::CallingWasm => host.guest_time.begin(),
                CallHook::ReturningFromHost => {
                    host.calls.returned();
                    host.guest_time.begin();
                }
                CallHook::ReturningFromWasm => host.guest_time.end(),
                CallHook::CallingHost => {
                    host.guest_time.end();
                    host.all_calls += 1;
                    if host.all_calls > HOST_CALLS {
                        return Err(Error::new(GuestLimit::HostCalls));
                    }
                }
            }
            Ok(())
        });
    }

    /// Counts a call of a capability.
    pub(crate) fn called(&mut self, place: Place) -> &mut Self {
        self.host_calls.count(place as usize);
        // The interface that adds spans has none itself.
        if !matches!(place, Place::trace) {
            self.calls.called(place as usize);
        }
        if let Some(watcher) = &self.watching
            && let Some(capability) = known().get(place as usize)
        {
            watcher.called(capability.interface);
        }
        self
    }

    /// Counts a call of the client of WASI 0.3, the last one of [`crate::known`].
    pub(crate) fn called_async_client(&mut self) -> &mut Self {
        self.host_calls.count(ASYNC_CLIENT);
        self
    }

    /// Counts a call of an interface for standard streams.
    fn called_stdio(&mut self, interface: usize) -> View<'_> {
        self.host_calls.count(interface);
        View {
            guest_log: &self.guest_log,
            table: &mut self.table,
        }
    }

    /// Returns the limit of memory or tables beyond which the guest requested more, if it did.
    #[must_use]
    pub fn refused(&self) -> Option<GuestLimit> {
        self.limiter.refused()
    }

    /// Returns the resource usage and moves the log out of the store.
    #[must_use]
    pub fn account(&mut self) -> Accounting {
        // Streams that the guest left open write their last lines.
        self.table = ResourceTable::new();
        let (log, log_dropped) = self.guest_log.drain();
        Accounting {
            memory_peak_bytes: self.limiter.peak_bytes(),
            host_calls: self.all_calls,
            host_calls_by: self.host_calls,
            guest_time: self.guest_time.total(),
            egress_bytes: self.traffic.sent_bytes(),
            ingress_bytes: self.traffic.received_bytes(),
            log,
            log_dropped,
        }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        http_view(&mut self.ambient, &mut self.table)
    }
}

impl HasAmbient for StoreData {
    fn ambient(&mut self, called: ambient::Place) -> (&mut Ambient, &mut ResourceTable) {
        self.host_calls.count(CAPABILITIES + called as usize);
        (&mut self.ambient, &mut self.table)
    }
}

impl HasAmbientAsync for StoreData {
    fn ambient_async(&mut self, called: ambient_async::Place) -> (&mut Ambient, &mut ResourceTable) {
        self.host_calls.count(ASYNC + called as usize);
        (&mut self.ambient, &mut self.table)
    }
}

impl HasStdio for StoreData {
    fn stdio(&mut self, called: stdio::Place) -> View<'_> {
        self.called_stdio(STDIO + called as usize)
    }
}

impl HasStdioAsync for StoreData {
    fn stdio_async(&mut self, called: stdio_async::Place) -> View<'_> {
        self.called_stdio(ASYNC_STDIO + called as usize)
    }
}

impl Limited for StoreData {
    fn limiter(&mut self) -> &mut StoreLimiter {
        &mut self.limiter
    }
}

/// Creates a linker with the ambient interfaces and the granted capabilities, and nothing else.
///
/// # Errors
/// Returns wasmtime's error if two modules define the same interface, which is an internal error.
pub fn new_linker(engine: &Engine, grants: GrantSet) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine.wasmtime());
    ambient::link(&mut linker)?;
    request_parts::bound(&mut linker)?;
    stdio::link(&mut linker)?;
    if engine.runs_wasi_0_3() {
        ambient_async::link(&mut linker)?;
        request_parts::bound_async(&mut linker)?;
        stdio_async::link(&mut linker)?;
        link_granted_async(&mut linker, grants)?;
    }
    link_granted(&mut linker, grants)?;
    Ok(linker)
}
