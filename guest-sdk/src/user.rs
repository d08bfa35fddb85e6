//! The user on whose behalf this execution happens (`alga:user`, granted by `cap:user.read`).
//!
//! ```no_run
//! match alga::user::current() {
//!     Some(user) => alga::log::info_with("asked", &[("user", &user.id)]),
//!     None => alga::log::info("a schedule or an event"),
//! }
//! ```

use crate::bindings::alga::user::identity;

pub use identity::{Kind, User};

/// Returns the user; none if a schedule or an event started the extension.
#[must_use]
pub fn current() -> Option<User> {
    identity::current()
}
