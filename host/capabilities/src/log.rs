//! `alga:log`: records of an execution, into its [`Journal`](crate::journal::Journal). An install that logs faster than its rate is told so,
//! and its records are counted, not kept: a log is a shared disk.

use crate::journal::{self, Journal, Level, NotKept, Source};
use crate::pace::Pace;
use crate::{Beginning, Host, Surroundings};
use alga_bundle::{Capability, InstallId};
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({ path: "../../wit", world: "alga:log/imports@1.0.0" });

use alga::log::logger;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:log.emit",
    interface: "alga:log/logger",
    version: (1, 0, 0),
    granted_by_default: true,
    promise: "level, message and fields into the execution's log; bounded in number, size and rate",
};

/// The pace of installs; whatever writes into a journal keeps it.
#[derive(Clone)]
pub(crate) struct Service(Pace);

impl Service {
    pub(crate) fn new(_: &Surroundings) -> Self {
        Self(journal::pace())
    }

    pub(crate) fn journal(&self, install: &InstallId) -> Journal {
        Journal::new(install.clone(), self.0.clone())
    }
}

pub(crate) struct State {
    journal: Journal,
}

impl State {
    pub(crate) fn begin(beginning: &Beginning<'_>, _: &Service) -> Self {
        Self {
            journal: beginning.journal.clone(),
        }
    }
}

pub(crate) fn link(linker: &mut Linker<Host>, state: fn(&mut Host) -> &mut State) -> wasmtime::Result<()> {
    logger::add_to_linker::<Host, HasSelf<State>>(linker, state)
}

impl logger::Host for State {
    fn emit(&mut self, level: logger::Level, message: String, fields: Vec<logger::Field>) -> Result<(), logger::Error> {
        let level = match level {
            logger::Level::Debug => Level::Debug,
            logger::Level::Info => Level::Info,
            logger::Level::Warn => Level::Warn,
            logger::Level::Error => Level::Error,
        };
        let fields = fields.iter().map(|field| (field.name.as_str(), field.value.as_str()));
        let written = self.journal.write(Source::Log, level, &message, fields);
        written.map_err(|not_kept| match not_kept {
            NotKept::Full => logger::Error::BudgetExhausted,
            NotKept::TooFast => logger::Error::RateLimited,
        })
    }
}
