//! The handler of the old world behind `wasi:http/incoming-handler`.
//!
//! The old world has no place for the configuration and the trigger of an execution: a guest
//! receives them as the headers `x-alga-config-<key>` and `x-alga-trigger`.
#![no_main]

use alga::__private::bindings::alga::context::execution::Trigger;
use alga::__private::bindings::wasi::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};
use alga::__private::{Guest, read_all, send};
use alga::Response;
use alga_adapter_components::method;
use bindings::alga::extension::types::{ContextData, ExecuteRequest, ExecuteResponse, HttpHeader, HttpRequest};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "handler-adapter" });
}

const CONFIG: &str = "x-alga-config-";
const TRIGGER: &str = "x-alga-trigger";

struct Adapter;

alga::__private::export!(Adapter with_types_in alga::__private::bindings);

impl Guest for Adapter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        match execute_request(&request) {
            Some(request) => send(&response(bindings::handler(&request)), out),
            // The client has left.
            None => ResponseOutparam::set(out, Err(ErrorCode::ConnectionTerminated)),
        }
    }
}

fn response(response: ExecuteResponse) -> Response {
    let headers = response.headers.iter();
    let head = headers.fold(Response::status(response.status), |head, header| {
        head.with_header(&header.name, &header.value)
    });
    head.with_bytes(response.body.unwrap_or_default())
}

/// Reads a request; none if its body ends early.
fn execute_request(request: &IncomingRequest) -> Option<ExecuteRequest> {
    let body = read_all(&request.consume().ok()?).ok()?;
    let has_body = !body.is_empty() || request.headers().has("content-length");
    Some(ExecuteRequest {
        context: context(),
        http: HttpRequest {
            method: method::name(&request.method()).to_owned(),
            url: request.path_with_query().unwrap_or_default(),
            headers: headers(request),
            body: has_body.then_some(body),
        },
    })
}

fn context() -> ContextData {
    let identity = alga::context::current();
    ContextData {
        request_id: Some(identity.request_id),
        tenant_id: identity.tenant_id,
        extension_id: identity.extension_id,
        install_id: identity.install_id,
        version_id: identity.version_id,
    }
}

/// Returns the client's headers, and the ones of this adapter, which no client can set.
fn headers(request: &IncomingRequest) -> Vec<HttpHeader> {
    let is_own = |name: &str| name == TRIGGER || name.starts_with(CONFIG);
    let of_client = request
        .headers()
        .entries()
        .into_iter()
        .filter(|(name, _)| !is_own(name));
    // A value of the old interface is text.
    let of_client = of_client.map(|(name, value)| HttpHeader {
        name,
        value: String::from_utf8_lossy(&value).into_owned(),
    });
    let config = alga::context::all_config().into_iter().map(|(key, value)| HttpHeader {
        name: format!("{CONFIG}{}", key.to_ascii_lowercase()),
        value,
    });
    let trigger = HttpHeader {
        name: TRIGGER.to_owned(),
        value: match alga::context::trigger() {
            Trigger::Http => "http".to_owned(),
            Trigger::Schedule(id) => format!("schedule {id}"),
            Trigger::Event(id) => format!("event {id}"),
        },
    };
    of_client.chain(config).chain([trigger]).collect()
}
