//! The one way out. Every connection that an extension causes, by itself or through a host API, is made here.
//!
//! | module | its one idea |
//! |---|---|
//! | `destination` | a request's target read once: scheme, name, port, for the check and for the connection |
//! | `address` | which addresses are in the public internet |
//! | `operator` | what the operator allows: an allowlist for everybody, exceptions for private addresses |
//! | `resolve` | names to addresses, bounded |
//! | `dial` | resolve once, vet every address, connect to a vetted one |
//! | `metered` | a connection that cannot be kept busy with bytes that are no answer |
//! | `body` | bodies with a limit, a deadline and an account |
//! | `traffic` | what one execution has sent and received, and may |
//! | `sender` | the order in which all of this happens |
//! | `refused` | why a request was not sent or not answered, and whose line to change |
//!
//! A request goes where the extension's manifest declares, the tenant allows and the operator allows, all three. A [`AuthorizedDestination`] is the proof,
//! and the only thing that can be sent. Redirects are answers like any other: whoever follows one asks again.

mod address;
mod body;
mod destination;
mod dial;
mod metered;
mod operator;
mod refused;
mod resolve;
mod sender;
mod traffic;

pub use address::{Special, vet};
pub use body::{BodyError, RequestBody, ResponseBody};
pub use destination::Destination;
pub use operator::{Exception, OperatorPolicy, PolicyError};
pub use refused::EgressError;
pub use resolve::{Resolve, ResolveFuture, SystemResolver};
pub use sender::{AuthorizedDestination, Caller, Egress, EgressDependencies, Timeouts};
pub use traffic::Traffic;
