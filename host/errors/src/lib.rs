//! What goes wrong, in words that programs can rely on.
//!
//! Which error type is for whom:
//! - inside a crate, each operation has its own `thiserror` enum;
//! - where an error leaves the platform, it becomes a [`Problem`]: a stable [`Code`], a sentence that the client may read, and a hint
//!   when there is a cure. The cause stays inside, for the operator's log, found there by request id.

mod chain;
mod code;
mod problem;

pub use chain::{Chain, chain};
pub use code::{Blame, Code};
pub use problem::{Body, ClientBody, Problem};
