//! `alga:log`: log records of the guest, written into the [`GuestLog`] of the execution. An install
//! that logs faster than its rate gets an error, and its records are counted but not stored,
//! because installs share the disk that logs are stored on.

use crate::guest_log::{self, Dropped, GuestLog, Level, Source};
use crate::rate_limit::InstallRateLimiter;
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, HostDependencies, StoreData, Watching};
use alga_bundle::{Capability, InstallId};
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:log/imports@1.0.0" });

use alga::log::logger;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:log.emit",
    interface: "alga:log/logger",
    version: (1, 0, 0),
    granted_by_default: true,
    used_by_pages: false,
    sends: false,
    promise: "level, message and fields into the execution's log; bounded in number, size and rate",
};

/// The rate limiter that every [`GuestLog`] of the process shares.
#[derive(Clone)]
pub(crate) struct Service(InstallRateLimiter);

impl Service {
    pub(crate) fn new(_: &HostDependencies) -> Self {
        Self(guest_log::pace())
    }

    pub(crate) fn guest_log(&self, install: &InstallId, watching: Watching) -> GuestLog {
        GuestLog::new(install.clone(), self.0.clone(), watching)
    }
}

pub(crate) struct State {
    calls: TracedCalls,
    guest_log: GuestLog,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, _: &Service) -> Self {
        Self {
            calls: execution_context.calls.clone(),
            guest_log: execution_context.guest_log.clone(),
        }
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    logger::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl logger::Host for State {
    fn emit(&mut self, level: logger::Level, message: String, fields: Vec<logger::Field>) -> Result<(), logger::Error> {
        self.calls.function("emit");
        let level = match level {
            logger::Level::Debug => Level::Debug,
            logger::Level::Info => Level::Info,
            logger::Level::Warn => Level::Warn,
            logger::Level::Error => Level::Error,
        };
        let fields = fields.iter().map(|field| (field.name.as_str(), field.value.as_str()));
        let written = self.guest_log.write(Source::Log, level, &message, fields);
        written.map_err(|dropped| match dropped {
            Dropped::Full => logger::Error::BudgetExhausted,
            Dropped::TooFast => logger::Error::RateLimited,
        })
    }
}
