//! Who and what this execution is for (`alga:context`, granted by `cap:context.read`).
//!
//! ```no_run
//! let tenant = alga::context::current().tenant_id;
//! let greeting = alga::context::config("greeting").unwrap_or_else(|| "Hello".into());
//! ```

use crate::bindings::alga::context::execution;
use std::time::Duration;

pub use execution::{Identity, Trigger};

/// The identities of this execution.
#[must_use]
pub fn current() -> Identity {
    execution::current()
}

/// Why the extension was started.
#[must_use]
pub fn trigger() -> Trigger {
    execution::why()
}

/// The value of a configuration key of this install, if it is set.
#[must_use]
pub fn config(key: &str) -> Option<String> {
    execution::config(key)
}

/// All configuration of this install.
#[must_use]
pub fn all_config() -> Vec<(String, String)> {
    execution::all_config()
}

/// How long until the host ends this execution.
#[must_use]
pub fn remaining() -> Duration {
    Duration::from_millis(execution::remaining_ms())
}
