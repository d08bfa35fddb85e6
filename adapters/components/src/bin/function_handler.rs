//! `wasi:http/incoming-handler` over `alga:http/handler`.
#![no_main]

use alga::__private::bindings::wasi::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};
use alga::__private::{Guest, read_all, send};
use alga::Response;
use alga_adapter_components::method;
use bindings::alga::http::handler::{self, Request};
use bindings::alga::http::types::Field;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/deps/alga-http", "wit/function.wit"],
        world: "alga:function/handler-adapter",
        generate_all,
    });
}

struct Adapter;

alga::__private::export!(Adapter with_types_in alga::__private::bindings);

impl Guest for Adapter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let Some(request) = whole(&request) else {
            // The client has left.
            return ResponseOutparam::set(out, Err(ErrorCode::ConnectionTerminated));
        };
        match handler::handle(&request) {
            Ok(response) => send(&of(response), out),
            Err(text) => {
                alga::log::error(&text);
                send(&failed(), out);
            }
        }
    }
}

/// Reads a request; none if its content ends early.
fn whole(request: &IncomingRequest) -> Option<Request> {
    let body = read_all(&request.consume().ok()?).ok()?;
    let fields = request.headers().entries().into_iter();
    Some(Request {
        method: method::name(&request.method()).to_owned(),
        url: request.path_with_query().unwrap_or_default(),
        fields: fields
            .map(|(name, value)| Field {
                name,
                value: String::from_utf8_lossy(&value).into_owned(),
            })
            .collect(),
        body,
    })
}

fn of(response: handler::Response) -> Response {
    let head = Response::status(response.status);
    let fields = response.fields.iter();
    let head = fields.fold(head, |head, field| head.with_header(&field.name, &field.value));
    head.with_bytes(response.body)
}

/// Returns the response to a failure, which is that of the SDK for Rust.
fn failed() -> Response {
    alga::Error::Internal(String::new()).into_response()
}
