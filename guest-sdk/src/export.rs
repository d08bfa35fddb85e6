//! Between `wasi:http/incoming-handler` and an author's function.

use crate::bindings::wasi::http::types as wasi;
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::{Request, Response, Result, log};

/// Runs the author's function and sends what it returns. Called by the code that `#[alga::handler]` generates.
#[doc(hidden)]
pub fn answer(
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

fn send(response: &Response, out: wasi::ResponseOutparam) {
    let Ok(fields) = wasi::Fields::from_list(&response.headers) else {
        log::error("a response header has a name or value that HTTP does not allow");
        return wasi::ResponseOutparam::set(out, Err(wasi::ErrorCode::InternalError(None)));
    };
    let message = wasi::OutgoingResponse::new(fields);
    if message.set_status_code(response.status).is_err() {
        log::error(&format!("{} is no HTTP status", response.status));
        return wasi::ResponseOutparam::set(out, Err(wasi::ErrorCode::InternalError(None)));
    }
    let body = message.body();
    wasi::ResponseOutparam::set(out, Ok(message));
    let Ok(body) = body else { return };
    if let Ok(stream) = body.write() {
        // An error here means that nobody listens any more: there is nobody to tell.
        write_all(&stream, &response.body).ok();
    }
    wasi::OutgoingBody::finish(body, None).ok();
}

/// Writes as the host makes room, without a flush between chunks.
pub(crate) fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (chunk, rest) = bytes.split_at(room.min(bytes.len()));
        stream.write(chunk)?;
        bytes = rest;
    }
    Ok(())
}
