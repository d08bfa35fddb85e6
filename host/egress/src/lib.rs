//! Outbound HTTP (egress). Every connection that an extension causes, by itself or through a host
//! API, is made here.
//!
//! | module | responsibility |
//! |---|---|
//! | `destination` | a request's target, parsed once for the check and the connection |
//! | `address` | which addresses are in the public internet |
//! | `operator` | the operator's policy: allowlist, exceptions for private addresses |
//! | `resolve` | bounded name resolution |
//! | `dial` | resolve once, vet every address, connect to a vetted one |
//! | `metered` | connections that end when they stall or carry too much non-response data |
//! | `body` | bodies with a size limit, a deadline and traffic accounting |
//! | `traffic` | per-execution traffic counters and their limits |
//! | `received` | the body of a response, before its limits |
//! | `upstream` | responses in place of the network, for tests of extensions |
//! | `sender` | the order of the steps of a request |
//! | `refused` | errors of a request, with the setting to change |
//!
//! A request is sent only if the extension's manifest declares its destination and both the tenant
//! and the operator allow it. An [`AuthorizedDestination`] is the proof, and the only thing that
//! can be sent to. A redirect is returned like any other response; following it requires a new
//! authorization.

mod address;
mod body;
mod destination;
mod dial;
mod metered;
mod operator;
mod received;
mod refused;
mod resolve;
mod sender;
mod traffic;
mod upstream;

pub use address::{Special, vet};
pub use body::{BodyError, RequestBody, ResponseBody};
pub use destination::Destination;
pub use operator::{Exception, OperatorPolicy, PolicyError};
pub use refused::EgressError;
pub use resolve::{Resolve, ResolveFuture, SystemResolver};
pub use sender::{AuthorizedDestination, Caller, Egress, EgressDependencies, Timeouts};
pub use traffic::Traffic;
pub use upstream::{Upstream, UpstreamFuture};
