//! The request that started the execution, and its response.

use crate::convert::{Arguments, IntoScript};
use crate::events::{Settled, run_until};
use crate::names::NATIVE;
use crate::{engine, failure, stage};
use alga::__private::bindings::wasi::http::types as wasi;
use alga::__private::bindings::wasi::io::streams::OutputStream;
use alga::__private::{Guest, IncomingRequest, ResponseOutparam, read_all};
use rquickjs::function::Rest;
use rquickjs::{Array, Ctx, Exception, Promise, Result, Value};
use std::cell::RefCell;

struct Component;

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        stage::begin_execution();
        std::panic::set_hook(Box::new(|panic| {
            failure::log(&format!("the JavaScript engine panicked: {panic}"))
        }));
        EXCHANGE.set(Exchange {
            request: Some(request),
            out: Some(out),
            body: None,
        });
        let handled = engine::with(|ctx| run(&ctx).unwrap_or_else(|_| Some(failure::describe(&ctx.catch()))));
        for rejection in engine::with(|ctx| failure::unhandled(&ctx)).unwrap_or_default() {
            alga::log::warn(&format!("a rejected promise was not handled: {rejection}"));
        }
        match handled {
            Some(None) => finish(),
            Some(Some(failed)) => fail(&format!("the handler failed: {failed}")),
            None => fail("the snapshot of this extension has no context"),
        }
    }
}

alga::__private::export!(Component with_types_in alga::__private::bindings);

/// The request and the parts of the response that are not sent yet.
#[derive(Default)]
struct Exchange {
    request: Option<IncomingRequest>,
    out: Option<ResponseOutparam>,
    body: Option<Body>,
}

struct Body {
    /// The stream is declared before the body that it belongs to, because a child resource must be
    /// dropped first.
    stream: OutputStream,
    body: wasi::OutgoingBody,
}

thread_local! {
    static EXCHANGE: RefCell<Exchange> = const { RefCell::new(Exchange { request: None, out: None, body: None }) };
}

/// Runs the handler. Returns the text of its failure, if it fails.
fn run(ctx: &Ctx<'_>) -> Result<Option<String>> {
    let promise: Promise<'_> = engine::dispatch(ctx)?.call(())?;
    Ok(match run_until(ctx, &promise)? {
        Settled::Fulfilled => None,
        Settled::Rejected(error) => Some(failure::describe(&error)),
        Settled::Never => {
            Some("its promise is never settled: no timer and no request is left that could do it".to_owned())
        }
    })
}

/// Ends the body of the response.
fn finish() {
    match EXCHANGE.take() {
        Exchange { out: Some(out), .. } => {
            alga::log::error("the handler has sent no response");
            alga::__private::send(&internal_error(), out);
        }
        Exchange { body: Some(body), .. } => {
            drop(body.stream);
            wasi::OutgoingBody::finish(body.body, None).ok();
        }
        _ => {}
    }
}

/// Logs a failure and responds with it, if there is no response yet; a body that was begun is
/// broken off.
fn fail(text: &str) {
    failure::log(text);
    if let Some(out) = EXCHANGE.take().out {
        alga::__private::send(&internal_error(), out);
    }
}

fn internal_error() -> alga::Response {
    alga::Error::Internal(String::new()).into_response()
}

/// Returns method, path with query, and header fields, for `requestHead()`.
pub(crate) fn request_head(ctx: Ctx<'_>) -> Result<Value<'_>> {
    let head = Array::new(ctx.clone())?;
    EXCHANGE.with_borrow(|exchange| {
        let Some(request) = &exchange.request else {
            return Err(Exception::throw_message(&ctx, "there is no request"));
        };
        head.set(0, method(request.method()))?;
        head.set(1, request.path_with_query().unwrap_or_default())?;
        let text = |(name, value): (String, Vec<u8>)| (name, value.iter().map(|byte| char::from(*byte)).collect());
        let headers: Vec<(String, String)> = request.headers().entries().into_iter().map(text).collect();
        head.set(2, headers.into_script(&ctx)?)
    })?;
    Ok(head.into_value())
}

fn method(method: wasi::Method) -> String {
    match method {
        wasi::Method::Get => "GET".to_owned(),
        wasi::Method::Head => "HEAD".to_owned(),
        wasi::Method::Post => "POST".to_owned(),
        wasi::Method::Put => "PUT".to_owned(),
        wasi::Method::Delete => "DELETE".to_owned(),
        wasi::Method::Connect => "CONNECT".to_owned(),
        wasi::Method::Options => "OPTIONS".to_owned(),
        wasi::Method::Trace => "TRACE".to_owned(),
        wasi::Method::Patch => "PATCH".to_owned(),
        wasi::Method::Other(other) => other,
    }
}

/// Returns the whole body of the request once, for `requestBody()`.
pub(crate) fn request_body(ctx: Ctx<'_>) -> Result<Value<'_>> {
    let read = EXCHANGE.with_borrow(|exchange| {
        let request = exchange.request.as_ref()?;
        let body = request.consume().ok()?;
        Some(read_all(&body))
    });
    match read {
        Some(Ok(bytes)) => bytes.into_script(&ctx),
        Some(Err(error)) => Err(Exception::throw_message(
            &ctx,
            &format!("the request body could not be read: {error}"),
        )),
        None => Err(Exception::throw_type(&ctx, "the body of the request was already read")),
    }
}

/// Sends the head of the response, for `respond(status, headers)`.
pub(crate) fn respond<'js>(ctx: Ctx<'js>, arguments: Rest<Value<'js>>) -> Result<()> {
    let arguments = Arguments::new(&ctx, NATIVE, "respond", &arguments.0)?;
    let status: u16 = arguments.get(0, "status")?;
    let headers: Vec<(String, String)> = arguments.get(1, "headers")?;
    let bytes = |(name, value): (String, String)| (name, value.chars().map(|each| each as u8).collect());
    let headers: Vec<(String, Vec<u8>)> = headers.into_iter().map(bytes).collect();
    let invalid = |what: &str| Exception::throw_type(&ctx, what);
    let fields =
        wasi::Fields::from_list(&headers).map_err(|_| invalid("a response header has an invalid name or value"))?;
    let response = wasi::OutgoingResponse::new(fields);
    response
        .set_status_code(status)
        .map_err(|()| invalid("the status of the response is not valid"))?;
    let body = response.body().map_err(|()| invalid("the response has no body"))?;
    EXCHANGE.with_borrow_mut(|exchange| {
        let out = exchange
            .out
            .take()
            .ok_or_else(|| invalid("the response was already sent"))?;
        ResponseOutparam::set(out, Ok(response));
        exchange.body = body.write().ok().map(|stream| Body { stream, body });
        Ok(())
    })
}

/// Sends bytes of the body, for `write(bytes)`; false if the client has disconnected.
pub(crate) fn write<'js>(ctx: Ctx<'js>, arguments: Rest<Value<'js>>) -> Result<bool> {
    let bytes: Vec<u8> = Arguments::new(&ctx, NATIVE, "write", &arguments.0)?.get(0, "bytes")?;
    Ok(EXCHANGE.with_borrow(|exchange| match &exchange.body {
        Some(body) => alga::__private::write_all(&body.stream, &bytes).is_ok(),
        None => false,
    }))
}
