//! HTTP gateway for `/api/ext/{extension}/{path…}`: authenticates the caller, finds the install and
//! the endpoint, and calls the runner.
//!
//! The order of [`flow`] is the order of trust: nothing is looked up for an unauthenticated caller,
//! and nothing is executed for a request that no manifest declares.

mod authenticate;
mod cors;
mod flow;
mod installs;
mod page_redirects;
mod rate;
mod registry_routes;
mod reply;
mod runner;
mod upstream;

pub use authenticate::Authentication;
pub use cors::{CorsOrigins, InvalidOrigin};
pub use flow::{GatewayDependencies, GatewayLimits, router};
pub use installs::Installs;
pub use page_redirects::page_redirects;
pub use rate::RateLimits;
pub use registry_routes::registry_routes;
pub use runner::{CachingRunner, LocalRunner, RemoteRunner, Runner, RunnerCall, RunnerFuture, RunnerResponse};
pub use upstream::UpstreamError;
