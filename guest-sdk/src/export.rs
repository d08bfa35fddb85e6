//! Adapter from `wasi:http/incoming-handler` to an author's handler function.

use crate::bindings::wasi::http::types as wasi;
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::{Request, Response, Result, log};

/// Runs the author's function and sends the response that it returns. Called by the code that
/// `#[alga::handler]` generates.
#[doc(hidden)]
pub fn run_handler(
    handler: impl FnOnce(Request) -> Result<Response>,
    raw: wasi::IncomingRequest,
    out: wasi::ResponseOutparam,
) {
    std::panic::set_hook(Box::new(|panic| {
        log::error(&format!("the extension panicked: {panic}"));
    }));
    let response = handler(Request::new(raw)).unwrap_or_else(|error| {
        if let Some(text) = error.secret_text() {
            log::error(text);
        }
        error.into_response()
    });
    send(&response, out);
}

/// Sends a response.
#[doc(hidden)]
pub fn send(response: &Response, out: wasi::ResponseOutparam) {
    let Ok(fields) = wasi::Fields::from_list(&response.headers) else {
        log::error("a response header has an invalid name or value");
        return wasi::ResponseOutparam::set(out, Err(wasi::ErrorCode::InternalError(None)));
    };
    let message = wasi::OutgoingResponse::new(fields);
    if message.set_status_code(response.status).is_err() {
        log::error(&format!("{} is not a valid HTTP status", response.status));
        return wasi::ResponseOutparam::set(out, Err(wasi::ErrorCode::InternalError(None)));
    }
    let body = message.body();
    wasi::ResponseOutparam::set(out, Ok(message));
    let Ok(body) = body else { return };
    if let Ok(stream) = body.write() {
        // A write error means that the client has disconnected: it cannot be reported to it.
        write_all(&stream, &response.body).ok();
    }
    wasi::OutgoingBody::finish(body, None).ok();
}

/// Writes all bytes in chunks of the size that the host permits, without a flush between chunks.
#[doc(hidden)]
pub fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let capacity = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if capacity == 0 {
            stream.subscribe().block();
            continue;
        }
        let (chunk, rest) = bytes.split_at(capacity.min(bytes.len()));
        stream.write(chunk)?;
        bytes = rest;
    }
    Ok(())
}
