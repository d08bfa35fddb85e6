//! The stage of the engine: building, or executing with a host. While an extension is built, its
//! modules are evaluated without a host: a value that they would read from it would be in every
//! execution.

use std::cell::Cell;

thread_local! {
    static IS_EXECUTING: Cell<bool> = const { Cell::new(false) };
}

/// Declares that a request is handled now.
pub(crate) fn begin_execution() {
    IS_EXECUTING.set(true);
}

/// Returns whether a request is handled now.
pub(crate) fn is_executing() -> bool {
    IS_EXECUTING.get()
}
