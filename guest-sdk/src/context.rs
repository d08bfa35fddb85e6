//! Identity, trigger, configuration and remaining time of this execution
//! (`alga:context`, granted by `cap:context.read`).
//!
//! ```no_run
//! let tenant = alga::context::current().tenant_id;
//! let greeting = alga::context::config("greeting").unwrap_or_else(|| "Hello".into());
//! ```

use crate::bindings::alga::context::execution;
use std::time::Duration;

pub use execution::{Identity, Trigger};

/// Returns the identities of this execution.
#[must_use]
pub fn current() -> Identity {
    execution::current()
}

/// Returns the reason why the extension was started.
#[must_use]
pub fn trigger() -> Trigger {
    execution::why()
}

/// Returns the value of a configuration key of this install, if it is set.
#[must_use]
pub fn config(key: &str) -> Option<String> {
    execution::config(key)
}

/// Returns all configuration of this install.
#[must_use]
pub fn all_config() -> Vec<(String, String)> {
    execution::all_config()
}

/// Returns the time until the host ends this execution.
#[must_use]
pub fn remaining() -> Duration {
    Duration::from_millis(execution::remaining_ms())
}
