//! The data in the wasmtime store of an execution.

use crate::ambient::{Ambient, HasAmbient, http_view};
use crate::guest_log::GuestLog;
use crate::host_dependencies::ExecutionContext;
use crate::secret_injector::SecretInjector;
use crate::stdio::{HasStdio, View};
use crate::{GrantSet, LogRecord, Permit, Release, Services, States, ambient, link_granted, stdio};
use alga_egress::Traffic;
use alga_engine::{Engine, Limited, StoreLimiter};
use std::sync::Arc;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{CallHook, Store, bail};
use wasmtime_wasi_http::WasiHttpCtxView;

/// Maximum number of resource handles that the host holds for a guest; wasmtime's default is a
/// million.
const HOST_HANDLES: usize = 1_000;
/// Maximum calls to the host per execution. A call costs the host about a microsecond, so all of
/// them cost about a tenth of a second.
const HOST_CALLS: u64 = 100_000;

/// The data of a store: limits, the ambient interfaces, and the state of each capability.
pub struct StoreData {
    limiter: StoreLimiter,
    pub(crate) table: ResourceTable,
    pub(crate) ambient: Ambient,
    pub(crate) states: States,
    pub(crate) guest_log: GuestLog,
    traffic: Traffic,
    host_calls: u64,
}

/// Resource usage of an execution, as far as its store measures it.
#[derive(Debug, Clone, Default)]
pub struct Accounting {
    /// Peak memory of the guest, in bytes.
    pub memory_peak_bytes: usize,
    /// Number of calls to the host.
    pub host_calls: u64,
    /// True if the guest requested more memory than its limit.
    pub refused_memory: bool,
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
    pub fn new(permit: &Arc<Permit>, release: &Arc<Release>, services: &Services) -> Self {
        let guest_log = services.log.guest_log(&permit.identity.install);
        let traffic = Traffic::default();
        let execution_context = ExecutionContext {
            permit,
            release,
            guest_log: &guest_log,
            traffic: &traffic,
            secret_injector: &SecretInjector::default(),
        };
        let states = States::new(&execution_context, services);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HOST_HANDLES);
        Self {
            limiter: StoreLimiter::new(permit.memory_bytes),
            table,
            ambient: Ambient::new(),
            states,
            guest_log,
            traffic,
            host_calls: 0,
        }
    }

    /// Counts every call of the guest to the host, and terminates a guest that makes too many.
    pub fn count_calls(store: &mut Store<Self>) {
        store.call_hook(|mut store, hook| {
            if matches!(hook, CallHook::CallingHost) {
                let host = store.data_mut();
                host.host_calls += 1;
                if host.host_calls > HOST_CALLS {
                    bail!("more than {HOST_CALLS} calls to the host");
                }
            }
            Ok(())
        });
    }

    /// Returns the view that the bindings of `wasi:http` require.
    pub fn http(&mut self) -> WasiHttpCtxView<'_> {
        http_view(self)
    }

    /// Reports whether the guest requested more memory than its limit.
    #[must_use]
    pub fn has_refused_memory(&self) -> bool {
        self.limiter.has_refused()
    }

    /// Returns the resource usage and moves the log out of the store.
    #[must_use]
    pub fn account(&mut self) -> Accounting {
        let (log, log_dropped) = self.guest_log.drain();
        Accounting {
            memory_peak_bytes: self.limiter.peak_bytes(),
            host_calls: self.host_calls,
            refused_memory: self.limiter.has_refused(),
            egress_bytes: self.traffic.sent_bytes(),
            ingress_bytes: self.traffic.received_bytes(),
            log,
            log_dropped,
        }
    }
}

impl HasAmbient for StoreData {
    fn ambient(&mut self) -> (&mut Ambient, &mut ResourceTable) {
        (&mut self.ambient, &mut self.table)
    }
}

impl HasStdio for StoreData {
    fn stdio(&mut self) -> View<'_> {
        View {
            guest_log: &self.guest_log,
            table: &mut self.table,
        }
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
    stdio::link(&mut linker)?;
    link_granted(&mut linker, grants)?;
    Ok(linker)
}
