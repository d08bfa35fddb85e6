//! Responds with the body of the request, as a whole value.
#![no_main]

// With the SDK's allocator, as in the guest `echoes`, which it is compared with.
use alga as _;
use bindings::exports::alga::http::handler::{Guest, Request, Response};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/deps/alga-http", "../../adapters/components/wit/function.wit"],
        world: "alga:function/guest",
        generate_all,
    });
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl Guest for Component {
    fn handle(request: Request) -> Result<Response, String> {
        Ok(Response {
            status: 200,
            fields: Vec::new(),
            body: request.body,
        })
    }
}
