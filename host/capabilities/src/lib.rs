//! What an extension can be granted: one module for each `alga:*` interface, and the one list that they are registered in.
//!
//! # Adding a capability
//! A new module beside `log.rs`, and its name in the list below. Names, the table for people, the linker and the state of a store derive from
//! the list. The six places are in `host/README.md`.
//!
//! # The life of a capability
//! | step | how often | what |
//! |---|---|---|
//! | `Service::new` | once for a process | takes what it needs of the [`Surroundings`] that the composition root gives |
//! | `link` | once for a set of grants | puts its functions into a linker. Called for granted capabilities only: deny by absence |
//! | `State::begin` | once for an execution | from the [`Permit`] and the [`Release`]; never blocks |
//!
//! A capability that is linked has its state, because a store has the states of all and `link` is given the function that finds it. A state
//! that is not linked cannot be reached by the guest: nothing in its component leads there.

mod ambient;
mod attachments;
mod clients;
mod context;
mod denial;
mod fetch;
mod grants;
mod host;
mod invoicing;
mod journal;
mod log;
mod metrics;
mod pace;
mod permit;
mod platform;
mod psa;
mod release;
mod reveal;
mod secret_source;
mod secrets;
mod services;
mod stdio;
mod storage;
mod surroundings;
mod ui_proxy;
mod user;

pub use denial::{inert, optional_and_denied, without};
pub use grants::{GrantSet, UnknownCapability};
pub use host::{Accounting, Host, new_linker};
pub use journal::{Level, LogRecord, Source};
pub use metrics::MetricRegistry;
pub use permit::{Identity, Permit, Trigger, User, UserKind};
pub use platform::{Platform, PlatformError};
pub use release::Release;
pub use reveal::may_reveal;
pub use secret_source::{SecretFuture, SecretSource, SecretUnavailable};
pub use storage::{
    Backend, BackendError, BoxFuture, NamespaceUsage, Page, PutRequest, Record, Scope, limits as storage_limits,
};
pub use surroundings::Surroundings;

pub(crate) use surroundings::Beginning;

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

        /// What the capabilities took of their [`Surroundings`].
        #[derive(Clone)]
        pub struct Services { $($module: $module::Service,)+ }

        impl Services {
            /// Every capability takes what it needs.
            #[must_use]
            pub fn new(surroundings: &Surroundings) -> Self {
                Self { $($module: $module::Service::new(surroundings),)+ }
            }
        }

        /// The state of every capability in one store.
        pub(crate) struct States { $(pub(crate) $module: $module::State,)+ }

        impl States {
            fn begin(beginning: &Beginning<'_>, services: &Services) -> Self {
                Self { $($module: $module::State::begin(beginning, &services.$module),)+ }
            }
        }

        /// Links what is granted and nothing else.
        fn link_granted(linker: &mut Linker<Host>, grants: GrantSet) -> wasmtime::Result<()> {
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
