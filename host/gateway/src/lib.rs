//! `/api/ext/{extension}/{path…}`: who calls, which install, which endpoint; then the runner.
//!
//! The order of [`flow`] is the order of trust: nothing is looked up for a caller who is not known, nothing is executed for a request that
//! no manifest declares.

mod authenticate;
mod endpoints;
mod flow;
mod installs;
mod reply;
mod runner;

pub use authenticate::Authentication;
pub use flow::{GatewayDependencies, GatewayLimits, router};
pub use installs::Installs;
pub use runner::RunnerLink;
