//! `alga:log`: records of an execution, into its [`Journal`](crate::journal::Journal). An install that logs faster than its rate is told so,
//! and its records are counted, not kept: a log is a shared disk.

use crate::journal::{Journal, Level, Source};
use crate::{Beginning, Host, Surroundings};
use alga_bundle::{Capability, InstallId};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::num::NonZeroU32;
use std::sync::Arc;
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

/// Records of one install in a second, after a burst of twice as many. wit/deps/alga-log promises it.
const RECORDS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_999);
/// Installs after which those that are quiet are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Clone)]
pub(crate) struct Service {
    rate: Arc<DefaultKeyedRateLimiter<InstallId>>,
}

impl Service {
    pub(crate) fn new(_: &Surroundings) -> Self {
        let burst = RECORDS_PER_SECOND.saturating_add(RECORDS_PER_SECOND.get());
        let quota = Quota::per_second(RECORDS_PER_SECOND).allow_burst(burst);
        Self {
            rate: Arc::new(DefaultKeyedRateLimiter::keyed(quota)),
        }
    }
}

pub(crate) struct State {
    journal: Journal,
    service: Service,
    install: InstallId,
}

impl State {
    pub(crate) fn begin(beginning: &Beginning<'_>, service: &Service) -> Self {
        Self {
            journal: beginning.journal.clone(),
            service: service.clone(),
            install: beginning.permit.identity.install.clone(),
        }
    }

    fn is_too_fast(&self) -> bool {
        let rate = &self.service.rate;
        if rate.len() > REMEMBERED {
            rate.retain_recent();
        }
        rate.check_key(&self.install).is_err()
    }
}

pub(crate) fn link(linker: &mut Linker<Host>, state: fn(&mut Host) -> &mut State) -> wasmtime::Result<()> {
    logger::add_to_linker::<Host, HasSelf<State>>(linker, state)
}

impl logger::Host for State {
    fn emit(&mut self, level: logger::Level, message: String, fields: Vec<logger::Field>) -> Result<(), logger::Error> {
        if self.is_too_fast() {
            self.journal.drop_one();
            return Err(logger::Error::RateLimited);
        }
        let level = match level {
            logger::Level::Debug => Level::Debug,
            logger::Level::Info => Level::Info,
            logger::Level::Warn => Level::Warn,
            logger::Level::Error => Level::Error,
        };
        let fields = fields.iter().map(|field| (field.name.as_str(), field.value.as_str()));
        let written = self.journal.write(Source::Log, level, &message, fields);
        written.map_err(|_| logger::Error::BudgetExhausted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logger::Host as _;

    #[test]
    fn an_install_that_logs_in_every_execution_is_slowed_down_and_its_neighbour_is_not() {
        let quota = Quota::per_second(RECORDS_PER_SECOND);
        let service = Service {
            rate: Arc::new(DefaultKeyedRateLimiter::keyed(quota)),
        };
        let state = |install: &str| State {
            journal: Journal::default(),
            service: service.clone(),
            install: install.parse().unwrap(),
        };
        let mut refused = 0;
        for _ in 0..100 {
            let mut flood = state("i-1");
            for _ in 0..100 {
                let answer = flood.emit(logger::Level::Info, String::new(), Vec::new());
                refused += usize::from(matches!(answer, Err(logger::Error::RateLimited)));
            }
        }
        assert!(refused > 0);
        assert!(
            state("i-2")
                .emit(logger::Level::Info, String::new(), Vec::new())
                .is_ok()
        );
    }
}
