//! The stage of the engine: building, or executing with a host. While an extension is built, its
//! modules are evaluated without a host: a value that they would read from it would be in every
//! execution.

use crate::convert::host_error;
use rquickjs::{Ctx, Result};
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

/// Throws if there is no host.
pub(crate) fn require_execution(ctx: &Ctx<'_>, what: &str) -> Result<()> {
    if is_executing() {
        return Ok(());
    }
    let message = format!(
        "{what} was called while the extension was built\nhint: modules are evaluated once, by `alga build`; move the call into \
         the handler"
    );
    Err(host_error(ctx, "no-host", &message))
}
