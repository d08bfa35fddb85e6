//! Responds with the body of the request, in the old world.
#![no_main]

// With the SDK's allocator, as in the guest `echoes`, which it is compared with.
use alga as _;
use bindings::alga::extension::types::{ExecuteRequest, ExecuteResponse};

mod bindings {
    wit_bindgen::generate!({ path: "../../adapters/components/wit/extension.wit", world: "runner" });
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl bindings::Guest for Component {
    fn handler(request: ExecuteRequest) -> ExecuteResponse {
        ExecuteResponse {
            status: 200,
            headers: Vec::new(),
            body: request.http.body,
        }
    }
}
