//! HTTP gateway for `/api/ext/{extension}/{path…}`: authenticates the caller, finds the install and
//! the endpoint, and calls the runner.
//!
//! The order of [`flow`] is the order of trust: nothing is looked up for an unauthenticated caller,
//! and nothing is executed for a request that no manifest declares.

mod authenticate;
mod cors;
mod endpoints;
mod flow;
mod installs;
mod rate;
mod reply;
mod runner;

pub use authenticate::Authentication;
pub use cors::{CorsOrigins, InvalidOrigin};
pub use flow::{GatewayDependencies, GatewayLimits, router};
pub use installs::Installs;
pub use rate::RateLimits;
pub use runner::{
    CachingRunner, LocalRunner, RemoteRunner, RemoteRunnerError, Runner, RunnerCall, RunnerFuture, RunnerResponse,
};
