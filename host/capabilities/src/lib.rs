//! Capabilities that an extension can be granted: one module per interface, and the one list that
//! registers them.
//!
//! # Adding a capability
//! Add a module beside `log.rs`, and its name to the list at the end of this file. The names, the
//! table of capabilities, the linker and the state of a store derive from the list.
//! `host/README.md` lists all six changes.
//!
//! # Lifecycle of a capability
//! | step | called | purpose |
//! |---|---|---|
//! | `Service::new` | once per process | clones what it needs from the [`HostDependencies`] |
//! | `link` | once per set of grants | adds its functions to a linker, if it is granted |
//! | `State::new` | once per execution | uses the [`Permit`] and the [`Release`]; never blocks |
//!
//! A capability that is not granted is denied by absence: it is not linked. Every linked capability
//! has its state, because a store holds the states of all capabilities and `link` receives the
//! function that returns the state from the store. A guest cannot reach the state of a capability
//! that is not linked, because no import of its component leads to it.

mod ambient;
mod ambient_async;
mod clients;
mod context;
mod denial;
mod fetch;
mod grants;
mod guest_log;
mod host;
mod host_calls;
mod host_dependencies;
mod invoicing;
mod log;
mod metric_registry;
mod metrics;
mod permit;
mod permit_state;
mod product_client;
mod psa;
mod rate_limit;
mod release;
mod request_parts;
mod reveal;
mod secret_fetcher;
mod secret_injector;
mod secret_source;
mod secrets;
mod services;
mod shared_engine;
mod stdio;
mod stdio_async;
mod storage;
mod storage_backend;
mod time_source;
mod trace;
mod traced_calls;
mod ui_proxy;
mod user;

pub use alga_compose::{Adapted, Part, PartKind, adapt_function, adapt_legacy, adapt_standard, parts};
pub use denial::{
    DenyingComponent, GrantsError, compose_denied, compose_for_grants, denied_optional, stub_unsupported_imports,
};
pub use grants::{GrantSet, UnknownCapability};
pub use guest_log::{Level, LogRecord, Source, Watcher, Watching};
pub use host::{Accounting, StoreData, new_linker};
pub use host_calls::HostCalls;
pub use host_dependencies::HostDependencies;
pub use metric_registry::{MetricOwner, MetricRegistry, MetricSettings};
pub use permit::{Identity, Permit, Trigger, User, UserKind};
pub use product_client::{PlatformError, ProductClient};
pub use release::Release;
pub use reveal::may_reveal;
pub use secret_source::{SecretFuture, SecretSource, SecretUnavailable};
pub use shared_engine::SharedEngine;
pub use storage::limits as storage_limits;
pub use storage_backend::{Backend, BackendError, BoxFuture, NamespaceUsage, Page, PutRequest, Record, Scope};
pub use time_source::TimeSource;
pub use ui_proxy::CAPABILITY as PAGE_CALLS;

pub(crate) use host_dependencies::ExecutionContext;

use alga_bundle::Capability;
use std::sync::{Arc, LazyLock};
use wasmtime::component::Linker;

/// Generates everything that depends on the list of capabilities.
macro_rules! capabilities {
    ($($module:ident),+ $(,)?) => {
        /// Returns every capability in the order of the bits of a [`GrantSet`], then the ambient
        /// interfaces.
        #[must_use]
        pub fn known() -> &'static [Capability] {
            static KNOWN: LazyLock<Vec<Capability>> = LazyLock::new(|| {
                let granted = [$($module::CAPABILITY),+];
                granted
                    .into_iter()
                    .chain(ambient::INTERFACES)
                    .chain(stdio::INTERFACES)
                    .chain(ambient_async::INTERFACES)
                    .chain(stdio_async::INTERFACES)
                    .chain([fetch::ASYNC_CAPABILITY])
                    .collect()
            });
            &KNOWN
        }

        /// Returns every capability with the name of its module, which its test guest and its
        /// conformance cases share.
        #[must_use]
        pub fn modules() -> &'static [(&'static str, Capability)] {
            const MODULES: &[(&str, Capability)] = &[$((stringify!($module), $module::CAPABILITY)),+];
            MODULES
        }

        /// The places of the capabilities in the list, which are those of [`known`].
        #[expect(non_camel_case_types, reason = "the names of the modules")]
        #[derive(Clone, Copy)]
        pub(crate) enum Place { $($module),+ }

        /// Number of capabilities: the ambient interfaces follow them in [`known`].
        pub(crate) const CAPABILITIES: usize = [$(Place::$module),+].len();

        /// The services of all capabilities, created once per process.
        #[derive(Clone)]
        pub struct Services {
            pub(crate) time: Option<Arc<dyn TimeSource>>,
            $($module: $module::Service,)+
        }

        impl Services {
            /// Creates the service of every capability from the host dependencies.
            #[must_use]
            pub fn new(host_dependencies: &HostDependencies) -> Self {
                Self {
                    time: host_dependencies.time.clone(),
                    $($module: $module::Service::new(host_dependencies),)+
                }
            }
        }

        /// The state of every capability in one store.
        pub(crate) struct States { $(pub(crate) $module: $module::State,)+ }

        impl States {
            fn new(execution_context: &ExecutionContext<'_>, services: &Services) -> Self {
                Self { $($module: $module::State::new(execution_context, &services.$module),)+ }
            }
        }

        /// Links the granted capabilities and no others.
        fn link_granted(linker: &mut Linker<StoreData>, grants: GrantSet) -> wasmtime::Result<()> {
            $(if grants.holds_name($module::CAPABILITY.name) {
                $module::link(linker, |host| &mut host.called(Place::$module).states.$module)?;
            })+
            Ok(())
        }
    };
}

capabilities! {
    context,
    log,
    metrics,
    trace,
    user,
    storage,
    fetch,
    secrets,
    reveal,
    ui_proxy,
    clients,
    services,
    invoicing,
}

/// Links the granted capabilities for components of WASI 0.3. Interfaces of `alga:` have one
/// version for both.
fn link_granted_async(linker: &mut Linker<StoreData>, grants: GrantSet) -> wasmtime::Result<()> {
    if grants.holds_name(fetch::ASYNC_CAPABILITY.name) {
        fetch::link_async(linker)?;
    }
    Ok(())
}
