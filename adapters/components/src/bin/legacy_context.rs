//! `context` over `alga:context/execution`.
#![no_main]

use bindings::exports::alga::extension::context::{ContextData, Guest};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "context-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl Guest for Adapter {
    fn get_context() -> ContextData {
        let identity = alga::context::current();
        ContextData {
            request_id: Some(identity.request_id),
            tenant_id: identity.tenant_id,
            extension_id: identity.extension_id,
            install_id: identity.install_id,
            version_id: identity.version_id,
        }
    }
}
