//! `logging` over `alga:log/logger`.
#![no_main]

use bindings::exports::alga::extension::logging::Guest;

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "logging-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn log_info(message: String) {
        alga::log::info(&message);
    }

    fn log_warn(message: String) {
        alga::log::warn(&message);
    }

    fn log_error(message: String) {
        alga::log::error(&message);
    }
}
