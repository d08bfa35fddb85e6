//! What is in the store of an execution.

use crate::ambient::Ambient;
use crate::guest_log::GuestLog;
use crate::host_dependencies::ExecutionContext;
use crate::secret_injector::SecretInjector;
use crate::{GrantSet, LogRecord, Permit, Release, Services, States, ambient, link_granted, stdio};
use alga_egress::Traffic;
use alga_engine::{Engine, Limited, StoreLimiter};
use std::sync::Arc;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{CallHook, Store, bail};
use wasmtime_wasi_http::WasiHttpCtxView;

/// Handles that the host keeps for a guest; wasmtime's default is a million.
const HOST_HANDLES: usize = 1_000;
/// Calls to the host in one execution. A call costs the host about a microsecond, so this is about a tenth of a second of its time.
const HOST_CALLS: u64 = 100_000;

/// The data of a store: limits, what is ambient, and the state of each capability.
pub struct StoreData {
    limiter: StoreLimiter,
    pub(crate) table: ResourceTable,
    pub(crate) ambient: Ambient,
    pub(crate) states: States,
    pub(crate) guest_log: GuestLog,
    traffic: Traffic,
    host_calls: u64,
}

/// What an execution used, as far as its store knows.
#[derive(Debug, Clone, Default)]
pub struct Accounting {
    /// The most memory it had, in bytes.
    pub memory_peak_bytes: usize,
    /// Calls to the host.
    pub host_calls: u64,
    /// Whether it was refused memory.
    pub refused_memory: bool,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
    /// What was written down of it.
    pub log: Vec<LogRecord>,
    /// Log records that were not kept.
    pub log_dropped: u64,
}

impl StoreData {
    /// The data for one execution.
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
        let states = States::begin(&execution_context, services);
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

    /// Counts every call of the guest to the host, and ends a guest that makes too many.
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

    /// The view that `wasi:http` works on.
    pub fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.ambient.hooks,
            table: &mut self.table,
            ctx: &mut self.ambient.http,
        }
    }

    /// Whether the guest asked for more memory than it may have.
    #[must_use]
    pub fn has_refused_memory(&self) -> bool {
        self.limiter.has_refused()
    }

    /// What was used. Takes the log with it.
    #[must_use]
    pub fn account(&mut self) -> Accounting {
        let (log, log_dropped) = self.guest_log.take();
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

impl Limited for StoreData {
    fn limiter(&mut self) -> &mut StoreLimiter {
        &mut self.limiter
    }
}

/// A linker with what is ambient and what is granted, and nothing else.
///
/// # Errors
/// When two modules define the same interface: a mistake of ours.
pub fn new_linker(engine: &Engine, grants: GrantSet) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine.wasmtime());
    ambient::link(&mut linker)?;
    stdio::link(&mut linker)?;
    link_granted(&mut linker, grants)?;
    Ok(linker)
}
