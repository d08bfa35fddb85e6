//! What an extension can be granted: one module for each `alga:*` interface, and the one list that they are registered in.
//!
//! # Adding a capability
//! A new module beside `log.rs`, and its name in the list below. Names, the table for people, the linker and the state of a store derive from
//! the list. The six places are in `host/README.md`.
//!
//! # The life of a capability
//! | step | how often | what |
//! |---|---|---|
//! | `Service` | once for a process | what it needs from outside: a store, a sink. The composition root makes it |
//! | `link` | once for a set of grants | puts its functions into a linker. Called for granted capabilities only: deny by absence |
//! | `State::begin` | once for an execution | from the [`Permit`]; never blocks |
//!
//! A capability that is linked has its state, because a store has the states of all and `link` is given the function that finds it. A state
//! that is not linked cannot be reached by the guest: nothing in its component leads there.

mod ambient;
mod context;
mod grants;
mod host;
mod log;
mod permit;
mod storage;

pub use grants::{GrantSet, UnknownCapability};
pub use host::{Accounting, Host, new_linker};
pub use log::{Level, LogRecord};
pub use permit::{Identity, Permit, Trigger};
pub use storage::{
    Backend, BackendError, BoxFuture, Page, PutRequest, Record, Scope, StorageService, limits as storage_limits,
};

use alga_bundle::Capability;
use wasmtime::component::Linker;

/// Registers capabilities: everything that is known of them by name is made here.
macro_rules! capabilities {
    ($($module:ident),+ $(,)?) => {
        /// Every capability, in the order of the bits of a [`GrantSet`], then what is ambient.
        #[must_use]
        pub fn known() -> &'static [Capability] {
            static KNOWN: &[Capability] = &[
                $($module::CAPABILITY,)+
                ambient::INTERFACES[0], ambient::INTERFACES[1], ambient::INTERFACES[2], ambient::INTERFACES[3],
                ambient::INTERFACES[4], ambient::INTERFACES[5], ambient::INTERFACES[6], ambient::INTERFACES[7],
                ambient::INTERFACES[8],
            ];
            KNOWN
        }

        /// What the capabilities need from outside, made once by the composition root.
        #[expect(missing_docs, reason = "each field is the service of the module of its name")]
        #[derive(Clone)]
        pub struct Services { $(pub $module: $module::Service,)+ }

        /// The state of every capability in one store.
        pub(crate) struct States { $(pub(crate) $module: $module::State,)+ }

        impl States {
            fn begin(permit: &std::sync::Arc<Permit>, services: &Services) -> Self {
                Self { $($module: $module::State::begin(permit, &services.$module),)+ }
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
    storage,
}
