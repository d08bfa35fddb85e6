//! Errors with stable codes that programs can rely on.
//!
//! Error types and their readers:
//! - inside a crate, each operation has its own `thiserror` enum;
//! - an error that leaves the platform becomes a [`Problem`]: a stable [`Code`], a message that the
//!   client may read, and a hint if there is a remedy. The cause stays inside, in the operator's
//!   log, where the request id finds it.

mod chain;
mod code;
mod problem;

pub use chain::{Chain, beginning, cause, chain};
pub use code::{Blame, Code};
pub use problem::{Body, ClientBody, Problem};
