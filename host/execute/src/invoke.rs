//! A fresh store, one call, a bounded response.

use crate::limits::{BODY_BYTES, HEADER_BYTES, HEADERS};
use crate::loader::Prepared;
use alga_capabilities::{Accounting, Host, Permit, Services};
use alga_engine::{Engine, ExecutionLimits, Stop, new_store, why_stopped};
use alga_errors::{Code, Problem};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout_at;
use wasmtime::Store;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};

/// What a guest answered, within the limits.
#[derive(Debug, Clone)]
pub struct GuestResponse {
    /// 200 to 599.
    pub status: u16,
    /// At most [`HEADERS`].
    pub headers: HeaderMap,
    /// At most [`BODY_BYTES`].
    pub body: Bytes,
}

/// One call and what it cost, whether it answered or not.
pub(crate) struct Invocation {
    pub(crate) result: Result<GuestResponse, Problem>,
    pub(crate) accounting: Accounting,
    pub(crate) cpu: Duration,
    pub(crate) panicked: bool,
}

/// Executes once. Whatever the guest does, this returns shortly after the deadline.
pub(crate) async fn invoke(
    engine: &Engine,
    prepared: &Prepared,
    permit: &Arc<Permit>,
    services: &Services,
    request: Request<Full<Bytes>>,
) -> Invocation {
    let limits = ExecutionLimits {
        deadline: permit.deadline,
    };
    let mut store = new_store(engine, Host::new(permit, &prepared.release, services), limits);
    Host::count_calls(&mut store);
    let mut cpu = Duration::ZERO;
    let call = AssertUnwindSafe(call(&mut store, prepared, request)).catch_unwind();
    let ended = timeout_at(permit.deadline.into(), measured(call, &mut cpu)).await;
    let accounting = store.data_mut().account();
    let (result, panicked) = match ended {
        Err(_) => (Err(stopped(Stop::Deadline)), false),
        Ok(Err(_)) => (Err(Problem::internal("a panic while executing")), true),
        Ok(Ok(Ok(response))) => (Ok(response), false),
        Ok(Ok(Err(Failure::Invalid(reason)))) => (Err(invalid(reason)), false),
        Ok(Ok(Err(Failure::Wasm(error)))) => (Err(stopped(why_stopped(&error, accounting.refused_memory))), false),
    };
    Invocation {
        result,
        accounting,
        cpu,
        panicked,
    }
}

/// Adds up the time in which a future is polled: work, not waiting.
async fn measured<F: Future>(future: F, total: &mut Duration) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let started = Instant::now();
        let polled = future.as_mut().poll(context);
        *total += started.elapsed();
        polled
    })
    .await
}

enum Failure {
    Wasm(wasmtime::Error),
    Invalid(&'static str),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasm(error)
    }
}

/// Guest and reader of its response take turns in one task: no spawn, no channel to another thread.
async fn call(
    store: &mut Store<Host>,
    prepared: &Prepared,
    request: Request<Full<Bytes>>,
) -> Result<GuestResponse, Failure> {
    let (sender, receiver) = oneshot::channel();
    let request = request.map(|body| {
        body.map_err(|never: Infallible| -> wasmtime_wasi_http::Error { match never {} })
            .boxed_unsync()
    });
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(sender)?;
    let proxy = prepared.pre.instantiate_async(&mut *store).await?;
    let guest = pin!(
        proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut *store, request, out)
    );
    let reader = pin!(read_response(receiver));
    match select(guest, reader).await {
        Either::Left((returned, reader)) => {
            returned?;
            // All that the guest will ever send is in the channels now: what is not complete stays incomplete.
            tokio::task::unconstrained(reader)
                .now_or_never()
                .unwrap_or(Err(Failure::Invalid("it returned before its response was complete")))
        }
        Either::Right((response, guest)) => {
            let response = response?;
            guest.await?;
            Ok(response)
        }
    }
}

type Answer = Result<Response<WasiBody>, ErrorCode>;

async fn read_response(receiver: oneshot::Receiver<Answer>) -> Result<GuestResponse, Failure> {
    let answer = receiver
        .await
        .map_err(|_| Failure::Invalid("it returned without a response"))?;
    let (head, mut body) = answer
        .map_err(|_| Failure::Invalid("it answered with an error instead of a response"))?
        .into_parts();
    if !(200..=599).contains(&head.status.as_u16()) {
        return Err(Failure::Invalid("its status is not between 200 and 599"));
    }
    check_headers(&head.headers)?;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Failure::Invalid("its body broke off, or is not as long as its content-length"))?;
        let data = frame.into_data().map_err(|_| Failure::Invalid("it sent trailers"))?;
        if bytes.len() + data.len() > BODY_BYTES {
            return Err(Failure::Invalid("its body is larger than 10 MiB"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(GuestResponse {
        status: head.status.as_u16(),
        headers: head.headers,
        body: bytes.into(),
    })
}

fn check_headers(headers: &HeaderMap) -> Result<(), Failure> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > HEADERS || bytes > HEADER_BYTES {
        return Err(Failure::Invalid(
            "it has more than 100 headers, or more than 32 KiB of them",
        ));
    }
    if headers.values().any(|value| value.to_str().is_err()) {
        return Err(Failure::Invalid("a header's value is not printable ASCII"));
    }
    Ok(())
}

fn invalid(reason: &str) -> Problem {
    Problem::new(
        Code::InvalidGuestResponse,
        format!("the extension's answer is not one: {reason}"),
    )
}

/// The client learns the kind; the trap's text is for the extension's log.
fn stopped(stop: Stop) -> Problem {
    match stop {
        Stop::Deadline => Problem::new(
            Code::DeadlineExceeded,
            "the extension was not done when its time was over",
        ),
        Stop::MemoryLimit => Problem::new(Code::MemoryLimit, "the extension wanted more memory than it may have"),
        Stop::PoolExhausted => Problem::new(Code::Overloaded, "every place to execute is taken").retry_after_seconds(1),
        Stop::Trap(text) => {
            Problem::new(Code::GuestTrapped, "the extension trapped; its log says where").caused_by(text)
        }
    }
}
