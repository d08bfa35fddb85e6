//! The user whose request this is (`alga:user`, granted by `cap:user.read`).
//!
//! ```no_run
//! match alga::user::current() {
//!     Some(user) => alga::log::info_with("asked", &[("user", &user.id)]),
//!     None => alga::log::info("a schedule or an event"),
//! }
//! ```

use crate::bindings::alga::user::identity;

pub use identity::{Kind, User};

/// The user; none when a schedule or an event started the extension.
#[must_use]
pub fn current() -> Option<User> {
    identity::current()
}
