//! Calls a guest once, in a fresh store.

use crate::forward::{Complete, ERROR_BYTES, Failure, ResponseProgress, forward, rest};
use crate::handler::Handler;
use crate::invoke_async;
use crate::loader::Prepared;
use crate::records::ExecutionAccounting;
use crate::request_body::{BodyProgress, RequestBody};
use crate::response_body::ResponseWriter;
use crate::run_slots::{Turns, Used};
use alga_capabilities::{Permit, Services, StoreData, Watching};
use alga_engine::{Engine, ExecutionLimits, GuestLimit, GuestProfile, TerminationCause, new_store, termination_cause};
use alga_errors::{Code, Problem, beginning, chain};
use alga_traces::ParentSpan;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::Request;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use tokio::time::timeout_at;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{FieldMapError, WasiHttpView};

/// One call of a guest.
pub(crate) struct Call {
    pub(crate) engine: Engine,
    pub(crate) services: Arc<Services>,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) permit: Arc<Permit>,
    pub(crate) request: Request<RequestBody>,
    pub(crate) turns: Turns,
    /// Fuel that the guest may use, if the engine counts it.
    pub(crate) fuel: Option<u64>,
    /// The watcher of the execution, if there is one.
    pub(crate) watching: Watching,
    /// Place of the execution in its trace, if it is traced.
    pub(crate) trace: Option<ParentSpan>,
    /// The profile of the install, if there is one at present.
    pub(crate) profile: Option<Arc<GuestProfile>>,
}

/// Result of one call: the status of a complete response, or the reason why there is none.
pub(crate) struct Invocation {
    pub(crate) result: Result<u16, Problem>,
    pub(crate) panicked: bool,
}

/// Store of a running execution. When the execution ends, or is dropped because the client
/// disconnected, the usage is added to the account.
struct LiveStore<'a> {
    store: Store<StoreData>,
    used: Used,
    received: BodyProgress,
    sent: &'a ResponseProgress,
    fuel: Option<u64>,
    account: &'a mut ExecutionAccounting,
}

impl Drop for LiveStore<'_> {
    fn drop(&mut self) {
        self.account.adopt(self.store.data_mut().account(), &self.used);
        let usage = &mut self.account.usage;
        let left = self.store.get_fuel().ok();
        usage.fuel = self.fuel.zip(left).map(|(all, left)| all.saturating_sub(left));
        usage.request_bytes = self.received.bytes();
        usage.response_bytes = self.sent.bytes.load(Ordering::Relaxed);
    }
}

/// Executes the guest once. Returns shortly after the deadline, whatever the guest does.
pub(crate) async fn invoke(call: Box<Call>, writer: ResponseWriter, account: &mut ExecutionAccounting) -> Invocation {
    let Call {
        engine,
        services,
        prepared,
        permit,
        request,
        turns,
        fuel,
        watching,
        trace,
        profile,
    } = *call;
    let limits = ExecutionLimits {
        deadline: permit.deadline,
        fuel,
    };
    let received = request.body().progress();
    let (sent, mut complete) = (ResponseProgress::default(), None);
    let mut live = LiveStore {
        store: new_store(
            &engine,
            StoreData::new(&permit, &prepared.release, &services, watching, trace),
            limits,
            profile,
        ),
        used: Used::default(),
        received: received.clone(),
        sent: &sent,
        fuel,
        account,
    };
    StoreData::measure(&mut live.store);
    let ended = {
        let (store, complete) = (&mut live.store, &mut complete);
        let call = async {
            match &prepared.handler {
                Handler::Proxy(pre) => run(store, pre, request, writer, &sent, complete).await,
                // Boxed: its state is large, and rarely used.
                Handler::Service(pre) => {
                    Box::pin(invoke_async::run(store, pre, request, writer, &sent, complete)).await
                }
            }
        };
        // Pinned here: each future that owned it would have space for it once more, and is copied.
        let call = pin!(AssertUnwindSafe(call).catch_unwind());
        timeout_at(permit.deadline.into(), turns.run(call, &mut live.used)).await
    };
    let (failure, panicked) = match ended {
        Err(_) => (Some(stopped(TerminationCause::Deadline)), false),
        Ok(Err(_)) => (Some(Problem::internal("a panic while executing")), true),
        Ok(Ok(Ok(()))) => (None, false),
        Ok(Ok(Err(failure))) => (Some(failure.into_problem(live.store.data().refused())), false),
    };
    drop(live);
    Invocation {
        result: result(complete.as_ref(), failure, &received, account),
        panicked,
    }
}

/// Returns the result of a call. If the response was complete before the guest failed, or parts of
/// it are not passed on, the client has the response, and the author gets a note in the extension's
/// log. If the request's body was not received, that is the reason of the failure.
fn result(
    complete: Option<&Complete>,
    failure: Option<Problem>,
    received: &BodyProgress,
    account: &mut ExecutionAccounting,
) -> Result<u16, Problem> {
    let Some(&Complete { status, left_out }) = complete else {
        let failure = received.failure().or(failure);
        return Err(failure.unwrap_or_else(|| invalid("it returned without a response")));
    };
    let late = failure.map(|late| format!("after its response was complete: {}", chain(&late)));
    for note in left_out.map(str::to_owned).into_iter().chain(late) {
        account.note(note);
    }
    Ok(status)
}

impl Failure {
    fn into_problem(self, refused: Option<GuestLimit>) -> Problem {
        match self {
            Self::Wasm(error) if exceeds_fields(&error) => {
                stopped(TerminationCause::Limit(GuestLimit::Fields, format!("{error:#}")))
            }
            Self::Wasm(error) => stopped(termination_cause(&error, refused)),
            Self::Invalid(reason) => invalid(reason),
            Self::Error(text) => invalid(ERROR_INSTEAD).caused_by(text),
        }
    }
}

/// True for an error of header fields that are too many or too long.
fn exceeds_fields(error: &wasmtime::Error) -> bool {
    let error = error.downcast_ref::<FieldMapError>();
    matches!(
        error,
        Some(FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig)
    )
}

const ERROR_INSTEAD: &str = "it returned an error instead of a response";

/// Polls the guest and the forwarding of its response in one task. A response is put into
/// `complete` when its last byte has been passed on; the guest may continue until it returns.
async fn run(
    store: &mut Store<StoreData>,
    pre: &ProxyPre<StoreData>,
    request: Request<RequestBody>,
    writer: ResponseWriter,
    sent: &ResponseProgress,
    complete: &mut Option<Complete>,
) -> Result<(), Failure> {
    let (sender, receiver) = oneshot::channel();
    let method = request.method().clone();
    let request = request.map(RequestBody::into_wasi);
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(sender)?;
    let proxy = pre.instantiate_async(&mut *store).await?;
    let guest = pin!(
        proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut *store, request, out)
    );
    let received = async { receiver.await.map(|response| response.map_err(described)) };
    let forwarding = pin!(forward(received, &method, writer, sent));
    match select(guest, forwarding).await {
        Either::Left((returned, forwarding)) => {
            // The guest has returned, so all that it sent is in the channels: what is still
            // incomplete stays incomplete.
            match rest(forwarding, sent).await {
                Ok(forwarded) => *complete = Some(forwarded),
                // A trap is the cause of the incomplete response, so report the trap.
                Err(failure) => return Err(returned.err().map_or(failure, Failure::Wasm)),
            }
            Ok(returned?)
        }
        Either::Right((forwarded, guest)) => {
            *complete = Some(forwarded?);
            Ok(guest.await?)
        }
    }
}

fn described(code: ErrorCode) -> String {
    match code {
        ErrorCode::InternalError(Some(text)) => beginning(&text, ERROR_BYTES),
        code => beginning(&format_args!("{code:?}"), ERROR_BYTES),
    }
}

fn invalid(reason: &str) -> Problem {
    Problem::new(
        Code::InvalidGuestResponse,
        format!("invalid response from the extension: {reason}"),
    )
}

fn code_of(limit: GuestLimit) -> Code {
    match limit {
        GuestLimit::Memory => Code::MemoryLimit,
        GuestLimit::Tables => Code::TableLimit,
        GuestLimit::Stack => Code::StackLimit,
        GuestLimit::HostCalls => Code::HostCallLimit,
        GuestLimit::CallBytes => Code::CallBytesLimit,
        GuestLimit::Handles => Code::HandleLimit,
        GuestLimit::Fields => Code::FieldLimit,
    }
}

/// Returns the client's error for a termination cause; the text of a trap is for the extension's
/// log.
fn stopped(stop: TerminationCause) -> Problem {
    match stop {
        TerminationCause::Deadline => Problem::new(Code::DeadlineExceeded, "the extension exceeded its deadline"),
        TerminationCause::Limit(limit, text) => Problem::new(code_of(limit), limit.to_string()).caused_by(text),
        TerminationCause::FuelExhausted => Problem::new(
            Code::FuelExhausted,
            "the extension executed more instructions than it may",
        ),
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
