//! What an extension can be granted: one module for each `alga:*` interface, and the one list that they are registered in.
//!
//! # Adding a capability
//! A new module beside `log.rs`, and its name in the list below. Names, the table for people, the linker and the state of a store derive from
//! the list. The six places are in `host/README.md`.
//!
//! # The life of a capability
//! | step | how often | what |
//! |---|---|---|
//! | `Service::new` | once for a process | takes what it needs of the [`HostDependencies`] that the composition root gives |
//! | `link` | once for a set of grants | puts its functions into a linker. Called for granted capabilities only: deny by absence |
//! | `State::begin` | once for an execution | from the [`Permit`] and the [`Release`]; never blocks |
//!
//! A capability that is linked has its state, because a store has the states of all and `link` is given the function that finds it. A state
//! that is not linked cannot be reached by the guest: nothing in its component leads there.

mod ambient;
mod clients;
mod context;
mod denial;
mod fetch;
mod grants;
mod guest_log;
mod host;
mod host_dependencies;
mod invoicing;
mod log;
mod metrics;
mod permit;
mod product_client;
mod psa;
mod rate_limit;
mod release;
mod reveal;
mod secret_injector;
mod secret_source;
mod secrets;
mod services;
mod stdio;
mod storage;
mod ui_proxy;
mod user;

pub use denial::{compose_denied, denied_optional, stub_unsupported_imports};
pub use grants::{GrantSet, UnknownCapability};
pub use guest_log::{Level, LogRecord, Source};
pub use host::{Accounting, StoreData, new_linker};
pub use host_dependencies::HostDependencies;
pub use metrics::MetricRegistry;
pub use permit::{Identity, Permit, Trigger, User, UserKind};
pub use product_client::{PlatformError, ProductClient};
pub use release::Release;
pub use reveal::may_reveal;
pub use secret_source::{SecretFuture, SecretSource, SecretUnavailable};
pub use storage::{
    Backend, BackendError, BoxFuture, NamespaceUsage, Page, PutRequest, Record, Scope, limits as storage_limits,
};

pub(crate) use host_dependencies::ExecutionContext;

use alga_bundle::Capability;
use std::sync::LazyLock;
use wasmtime::component::Linker;

/// Registers capabilities: everything that is known of them by name is made here.
macro_rules! capabilities {
    ($($module:ident),+ $(,)?) => {
        /// Every capability, in the order of the bits of a [`GrantSet`], then what is ambient.
        #[must_use]
        pub fn known() -> &'static [Capability] {
            static KNOWN: LazyLock<Vec<Capability>> = LazyLock::new(|| {
                let granted = [$($module::CAPABILITY),+];
                granted.into_iter().chain(ambient::INTERFACES).chain(stdio::INTERFACES).collect()
            });
            &KNOWN
        }

        /// Every capability with the name of its module, after which its guest and its cases are named.
        #[must_use]
        pub fn modules() -> &'static [(&'static str, Capability)] {
            const MODULES: &[(&str, Capability)] = &[$((stringify!($module), $module::CAPABILITY)),+];
            MODULES
        }

        /// What the capabilities took of their [`HostDependencies`].
        #[derive(Clone)]
        pub struct Services { $($module: $module::Service,)+ }

        impl Services {
            /// Every capability takes what it needs.
            #[must_use]
            pub fn new(host_dependencies: &HostDependencies) -> Self {
                Self { $($module: $module::Service::new(host_dependencies),)+ }
            }
        }

        /// The state of every capability in one store.
        pub(crate) struct States { $(pub(crate) $module: $module::State,)+ }

        impl States {
            fn begin(execution_context: &ExecutionContext<'_>, services: &Services) -> Self {
                Self { $($module: $module::State::begin(execution_context, &services.$module),)+ }
            }
        }

        /// Links what is granted and nothing else.
        fn link_granted(linker: &mut Linker<StoreData>, grants: GrantSet) -> wasmtime::Result<()> {
            $(if grants.holds_name($module::CAPABILITY.name) {
                $module::link(linker, |host| &mut host.states.$module)?;
            })+
            Ok(())
        }
    };
}

capabilities! {
    context,
    log,
    metrics,
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
