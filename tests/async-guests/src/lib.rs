//! Bindings and helpers of guests of WASI 0.3.

wit_bindgen::generate!({
    path: ["../../wit/deps/alga-log", "wit"],
    world: "test:guests/service",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "alga_async_guests",
});

use wasi::http::types::{ErrorCode, Fields, Request, Response, Trailers};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

/// Responds with a body that `write` writes after the head.
pub fn respond<F: Future<Output = ()> + 'static>(
    status: u16,
    write: impl FnOnce(StreamWriter<u8>) -> F + 'static,
) -> Result<Response, ErrorCode> {
    respond_with(status, Fields::new(), write)
}

/// The same with header fields.
pub fn respond_with<F: Future<Output = ()> + 'static>(
    status: u16,
    fields: Fields,
    write: impl FnOnce(StreamWriter<u8>) -> F + 'static,
) -> Result<Response, ErrorCode> {
    let (body, contents) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(fields, Some(contents), no_trailers);
    response
        .set_status_code(status)
        .map_err(|()| ErrorCode::InternalError(None))?;
    wit_bindgen::spawn_local(async move {
        write(body).await;
        trailers.write(Ok(None)).await.ok();
    });
    Ok(response)
}

/// The body of a request, and its end: trailers, or the reason why it is not complete.
pub type Contents = (StreamReader<u8>, FutureReader<Result<Option<Trailers>, ErrorCode>>);

/// Sends every part of a request's body back as soon as it arrives.
///
/// # Panics
/// Panics if the request was interrupted.
pub async fn echo((mut contents, end): Contents, mut body: StreamWriter<u8>) {
    loop {
        let (status, read) = contents.read(Vec::with_capacity(4096)).await;
        let left = body.write_all(read).await;
        if !left.is_empty() {
            return;
        }
        if !matches!(status, StreamResult::Complete(_)) {
            end.await.expect("the request is complete");
            return;
        }
    }
}

/// Returns the path of a request, without its query.
pub fn path(request: &Request) -> String {
    let target = request.get_path_with_query().unwrap_or_default();
    target.split('?').next().unwrap_or_default().to_owned()
}
