//! Calls a guest of WASI 0.3: its handler returns the head of a response and writes the body later.

use crate::forward::{Complete, ERROR_BYTES, Failure, ResponseProgress, forward, rest};
use crate::request_body::RequestBody;
use crate::response_body::ResponseWriter;
use alga_capabilities::StoreData;
use alga_errors::beginning;
use futures_util::future::{FusedFuture, FutureExt, join};
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request};
use std::future::poll_fn;
use std::pin::pin;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpView, p3};

/// Polls the guest and the forwarding of its response in one task. A response is put into
/// `complete` when its last byte has been passed on; the guest may continue until its tasks end.
pub(crate) async fn run(
    store: &mut Store<StoreData>,
    pre: &ServicePre<StoreData>,
    request: Request<RequestBody>,
    writer: ResponseWriter,
    sent: &ResponseProgress,
    complete: &mut Option<Complete>,
) -> Result<(), Failure> {
    let method = request.method().clone();
    let authority = authority(request.headers());
    let request = request.map(RequestBody::into_wasi);
    let service = pre.instantiate_async(&mut *store).await?;
    let (sender, receiver) = oneshot::channel();
    let sending = async |accessor: &Accessor<StoreData>| {
        let mut request = accessor.with(|mut access| {
            // The second value would report errors of the request's body.
            let (request, _) = p3::Request::from_http(access.data_mut().http().hooks, request);
            request
        });
        (request.scheme, request.authority) = (Some(Scheme::HTTP), authority);
        let response = match service.handle(accessor, request).await? {
            Ok(response) => Ok(accessor.with(|access| response.into_http(access, async { Ok(()) }))?),
            Err(code) => Err(beginning(&format_args!("{code:?}"), ERROR_BYTES)),
        };
        // The client has disconnected if nothing receives it.
        sender.send(response).ok();
        Ok::<_, wasmtime::Error>(())
    };
    let mut forwarding = pin!(forward(receiver, &method, writer, sent).fuse());
    let ran = store.run_concurrent(async |accessor| {
        let (responded, forwarded) = join(sending(accessor), forwarding.as_mut()).await;
        responded?;
        *complete = Some(forwarded?);
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        Ok(())
    });
    match ran.await {
        Ok(ended) => ended,
        // What was written before the trap is passed on to a client that reads slowly.
        Err(trap) => {
            if !forwarding.is_terminated() {
                *complete = rest(forwarding, sent).await.ok();
            }
            Err(Failure::Wasm(trap))
        }
    }
}

/// Returns the host that the request names.
fn authority(headers: &HeaderMap) -> Option<Authority> {
    headers.get(HOST)?.to_str().ok()?.parse().ok()
}
