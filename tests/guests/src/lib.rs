//! Code shared by test guests: a handler below the SDK, for guests that misbehave in ways the SDK
//! does not allow.

pub use alga::__private::bindings::alga as platform;
pub use alga::__private::bindings::wasi;
pub use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// Exports a function of `(IncomingRequest, ResponseOutparam)` as the component's handler.
#[macro_export]
macro_rules! raw_handler {
    ($handle:path) => {
        struct Component;

        impl ::alga::__private::Guest for Component {
            fn handle(request: $crate::IncomingRequest, out: $crate::ResponseOutparam) {
                $handle(request, out);
            }
        }

        ::alga::__private::export!(Component with_types_in ::alga::__private::bindings);
    };
}

/// Starts a response with this status and these headers; nothing of its body has been written.
#[must_use]
pub fn respond(out: ResponseOutparam, status: u16, headers: &[(String, Vec<u8>)]) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::from_list(headers).unwrap());
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

/// Returns a guest's result as JSON, or the complete error text if a call was refused.
///
/// # Errors
/// Returns no error of its own.
pub fn report(found: alga::Result<serde_json::Value>) -> alga::Result<alga::Response> {
    match found {
        Ok(found) => alga::Response::json(&found),
        Err(error) => alga::Response::json(&serde_json::json!({ "refused": error.to_string() })),
    }
}

/// Returns the error text of a call that should be refused, or else the word for a call that was
/// not.
#[must_use]
pub fn error_text<T>(result: alga::Result<T>, otherwise: &str) -> String {
    result
        .err()
        .map_or_else(|| otherwise.to_owned(), |error| error.to_string())
}
