//! `wasi:config/store` over `alga:context/execution`.
#![no_main]

use alga::__private::bindings::alga::context::execution;
use bindings::exports::wasi::config0_2_0_draft_2024_09_27::store as draft;
use bindings::exports::wasi::config0_2_0_rc_1::store as candidate;

mod bindings {
    wit_bindgen::generate!({ path: "wit/config.wit", world: "adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl candidate::Guest for Adapter {
    fn get(key: String) -> Result<Option<String>, candidate::Error> {
        Ok(execution::config(&key))
    }

    fn get_all() -> Result<Vec<(String, String)>, candidate::Error> {
        Ok(execution::all_config())
    }
}

impl draft::Guest for Adapter {
    fn get(key: String) -> Result<Option<String>, draft::Error> {
        Ok(execution::config(&key))
    }

    fn get_all() -> Result<Vec<(String, String)>, draft::Error> {
        Ok(execution::all_config())
    }
}
