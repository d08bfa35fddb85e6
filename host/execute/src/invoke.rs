//! Calls a guest once, in a fresh store, and reads its bounded response.

use crate::GuestResponse;
use crate::loader::Prepared;
use crate::records::ExecutionAccounting;
use alga_capabilities::{Permit, Services, StoreData};
use alga_engine::{Engine, ExecutionLimits, TerminationCause, new_store, termination_cause};
use alga_errors::{Code, Problem, chain};
use alga_http::policy::{field_bytes, has_content};
use alga_limits::{BODY_BYTES, HEADER_BYTES, HEADERS};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::{HeaderMap, Method, Request, Response};
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

/// Result of one call.
pub(crate) struct Invocation {
    pub(crate) result: Result<GuestResponse, Problem>,
    pub(crate) panicked: bool,
}

/// Store of a running execution. When the execution ends, or is dropped because the client
/// disconnected, the usage is added to the account.
struct LiveStore<'a> {
    store: Store<StoreData>,
    cpu: Duration,
    account: &'a mut ExecutionAccounting,
}

impl Drop for LiveStore<'_> {
    fn drop(&mut self) {
        self.account.adopt(self.store.data_mut().account(), self.cpu);
    }
}

/// Executes the guest once. Returns shortly after the deadline, whatever the guest does.
pub(crate) async fn invoke(
    engine: &Engine,
    prepared: &Prepared,
    permit: &Arc<Permit>,
    services: &Services,
    request: Request<Full<Bytes>>,
    account: &mut ExecutionAccounting,
) -> Invocation {
    let limits = ExecutionLimits {
        deadline: permit.deadline,
    };
    let mut live = LiveStore {
        store: new_store(engine, StoreData::new(permit, &prepared.release, services), limits),
        cpu: Duration::ZERO,
        account,
    };
    StoreData::count_calls(&mut live.store);
    let mut complete = None;
    let call = AssertUnwindSafe(call(&mut live.store, prepared, request, &mut complete)).catch_unwind();
    let ended = timeout_at(permit.deadline.into(), measured(call, &mut live.cpu)).await;
    let (failure, panicked) = match ended {
        Err(_) => (Some(stopped(TerminationCause::Deadline)), false),
        Ok(Err(_)) => (Some(Problem::internal("a panic while executing")), true),
        Ok(Ok(Ok(()))) => (None, false),
        Ok(Ok(Err(failure))) => (
            Some(failure.into_problem(live.store.data().has_refused_memory())),
            false,
        ),
    };
    drop(live);
    let result = match (complete, failure) {
        // The response was complete before the guest failed, or parts of it are not passed on: the
        // client gets the response, the author a note in the extension's log.
        (Some((response, left_out)), late) => {
            let late = late.map(|late| format!("after its response was complete: {}", chain(&late)));
            for note in left_out.map(str::to_owned).into_iter().chain(late) {
                account.note(note);
            }
            Ok(response)
        }
        (None, failure) => Err(failure.unwrap_or_else(|| invalid("it returned without a response"))),
    };
    Invocation { result, panicked }
}

/// Measures the time in which a future is polled: work, not waiting.
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
    /// The guest returned an error instead of a response.
    Error(ErrorCode),
}

impl Failure {
    fn into_problem(self, has_refused_memory: bool) -> Problem {
        match self {
            Self::Wasm(error) => stopped(termination_cause(&error, has_refused_memory)),
            Self::Invalid(reason) => invalid(reason),
            Self::Error(ErrorCode::InternalError(Some(text))) => invalid(ERROR_INSTEAD).caused_by(text),
            Self::Error(code) => invalid(ERROR_INSTEAD).caused_by(format!("{code:?}")),
        }
    }
}

const ERROR_INSTEAD: &str = "it returned an error instead of a response";

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasm(error)
    }
}

/// Polls the guest and the reader of its response in one task: no spawn, no channel to another
/// thread. A response is put into `complete` as soon as it is complete; the guest may continue
/// until it returns.
async fn call(
    store: &mut Store<StoreData>,
    prepared: &Prepared,
    request: Request<Full<Bytes>>,
    complete: &mut Option<Complete>,
) -> Result<(), Failure> {
    let (sender, receiver) = oneshot::channel();
    let method = request.method().clone();
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
    let reader = pin!(read_response(receiver, &method));
    match select(guest, reader).await {
        Either::Left((returned, reader)) => {
            // The guest has returned, so all that it sent is in the channels: an incomplete
            // response stays incomplete.
            let read = tokio::task::unconstrained(reader).now_or_never();
            match read.unwrap_or(Err(Failure::Invalid("it returned before its response was complete"))) {
                Ok(response) => *complete = Some(response),
                // A trap is the cause of the incomplete response, so report the trap.
                Err(failure) => return Err(returned.err().map_or(failure, Failure::Wasm)),
            }
            Ok(returned?)
        }
        Either::Right((response, guest)) => {
            *complete = Some(response?);
            Ok(guest.await?)
        }
    }
}

type ResponseResult = Result<Response<WasiBody>, ErrorCode>;

/// A complete response, and a note about the part of it that is not passed on.
type Complete = (GuestResponse, Option<&'static str>);

async fn read_response(receiver: oneshot::Receiver<ResponseResult>, method: &Method) -> Result<Complete, Failure> {
    let result = receiver
        .await
        .map_err(|_| Failure::Invalid("it returned without a response"))?;
    let (head, body) = result.map_err(Failure::Error)?.into_parts();
    if !(200..=599).contains(&head.status.as_u16()) {
        return Err(Failure::Invalid("its status is not between 200 and 599"));
    }
    check_headers(&head.headers)?;
    // A response without content has no body to read, whatever length it declares (RFC 9110, 8.6).
    let (body, left_out) = if has_content(method, head.status) {
        read_body(body).await?
    } else {
        (Bytes::new(), None)
    };
    let response = GuestResponse {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    };
    Ok((response, left_out))
}

async fn read_body(mut body: WasiBody) -> Result<(Bytes, Option<&'static str>), Failure> {
    let (mut bytes, mut left_out) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Failure::Invalid("its body was interrupted, or is not as long as its content-length"))?;
        // Trailers may be dropped (RFC 9110, 6.5.1), and must be: they have not been filtered.
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => {
                let is_empty = other.trailers_ref().is_none_or(HeaderMap::is_empty);
                left_out = (!is_empty).then_some("the trailers of its response were left out: they are not passed on");
                continue;
            }
        };
        if bytes.len() + data.len() > BODY_BYTES {
            return Err(Failure::Invalid("its body is larger than 10 MiB"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.into(), left_out))
}

fn check_headers(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.len() > HEADERS || field_bytes(headers) > HEADER_BYTES as u64 {
        return Err(Failure::Invalid(
            "it has more than 100 headers, or more than 32 KiB of them",
        ));
    }
    Ok(())
}

fn invalid(reason: &str) -> Problem {
    Problem::new(
        Code::InvalidGuestResponse,
        format!("invalid response from the extension: {reason}"),
    )
}

/// Returns the client's error for a termination cause; the text of a trap is for the extension's
/// log.
fn stopped(stop: TerminationCause) -> Problem {
    match stop {
        TerminationCause::Deadline => Problem::new(Code::DeadlineExceeded, "the extension exceeded its deadline"),
        TerminationCause::MemoryLimit(text) => {
            Problem::new(Code::MemoryLimit, "the extension exceeded its memory limit").caused_by(text)
        }
        TerminationCause::PoolExhausted => {
            Problem::new(Code::Overloaded, "the runner is at capacity").retry_after_seconds(1)
        }
        TerminationCause::Trap(text) => Problem::new(
            Code::GuestTrapped,
            "the extension trapped; see its log for the location",
        )
        .caused_by(text),
    }
}
