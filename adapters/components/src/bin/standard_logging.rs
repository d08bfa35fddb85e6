//! `wasi:logging/logging` over `alga:log/logger`.
#![no_main]

use alga::__private::bindings::alga::log::logger::{Field, Level, emit};
use bindings::exports::wasi::{logging as unversioned, logging0_1_0_draft as draft};

mod bindings {
    wit_bindgen::generate!({ path: "wit/logging.wit", world: "adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

/// Writes a record; the context is a field of it. One that exceeds a limit is counted by the host.
fn write(level: Level, context: String, message: &str) {
    let has_context = !context.is_empty();
    let field = has_context.then(|| Field {
        name: "context".to_owned(),
        value: context,
    });
    emit(level, message, field.as_slice()).ok();
}

macro_rules! implement {
    ($($interface:ident)+) => {$(
        impl $interface::logging::Guest for Adapter {
            fn log(level: $interface::logging::Level, context: String, message: String) {
                use $interface::logging::Level as Standard;
                let level = match level {
                    Standard::Trace | Standard::Debug => Level::Debug,
                    Standard::Info => Level::Info,
                    Standard::Warn => Level::Warn,
                    Standard::Error | Standard::Critical => Level::Error,
                };
                write(level, context, &message);
            }
        }
    )+};
}

implement!(unversioned draft);
