//! The one execution function: from a permit and a request to a response.

use crate::admission::Admitted;
use crate::early::{collect, start};
use crate::execution::{Ended, Execution};
use crate::idempotency::{IdempotencyKey, Once, body_digest};
use crate::invoke::{Call, invoke};
use crate::live::Watched;
use crate::loader::Prepared;
use crate::outcome::Outcome;
use crate::quota::{Held, QuotaFields};
use crate::records::{RunningExecution, Sinks, microseconds};
use crate::request_body::RequestBody;
use crate::response_body::{Failed, ResponseBody, ResponseReader, ResponseWriter, response_channel};
use crate::run_slots::{Guest, Turns};
use crate::service::ExecuteService;
use crate::session::Session;
use crate::traced;
use alga_capabilities::Permit;
use alga_errors::{Code, Problem};
use alga_limits::{BODY_BYTES, IDEMPOTENCY_KEY_CHARACTERS, MEMORY_DEFAULT_MB, MIB};
use alga_traces::{ParentSpan, Span, TRACEPARENT};
use http::{Request, Response};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::unconstrained;
use tokio::time::timeout_at;
use tracing::Instrument;

/// Time between an execution's deadline and its end: it is cancelled at the next tick, then its
/// usage is recorded.
const DEADLINE_NOTICE: Duration = Duration::from_millis(100);
/// Memory that a slot of the pool stands for: an execution that may use more counts as several.
const SLOT_BYTES: usize = MEMORY_DEFAULT_MB as usize * MIB;

/// An execution that is permitted: what runs, for whom, with which request.
pub(crate) struct Order {
    pub(crate) session: Arc<Session>,
    pub(crate) permit: Arc<Permit>,
    pub(crate) request: Request<RequestBody>,
    pub(crate) started: Instant,
    /// Place of the request in its trace, if it is traced.
    pub(crate) trace: Option<ParentSpan>,
}

/// An execution that was admitted, with the quota of requests that is closest to being used up.
type Started = (Execution, ResponseReader, Option<QuotaFields>);

impl ExecuteService {
    /// Executes a request: 1. acquire credit; 2. prepare the component; 3. acquire capacity;
    /// 4. call it. The response is returned as soon as its head is known and the guest waits; log,
    /// usage and record are written however the execution ends.
    pub(crate) async fn start(self: &Arc<Self>, order: Box<Order>) -> Result<Response<ResponseBody>, Failed> {
        let span = span(&order.permit);
        let started = async {
            let (execution, reader, quota) = self.execution(order).await?;
            let mut response = start(execution, reader).await?;
            if let Some(quota) = quota {
                response.extensions_mut().insert(quota);
            }
            Ok(response)
        };
        started.instrument(span).await
    }

    /// Executes a request like [`Self::start`] and collects its response.
    pub(crate) async fn run(self: &Arc<Self>, order: Box<Order>) -> Outcome {
        let span = span(&order.permit);
        let collected = async {
            let (execution, reader, quota) = self.execution(order).await?;
            let (mut response, usage) = collect(execution, reader).await?;
            if let Some(quota) = quota {
                response.extensions_mut().insert(quota);
            }
            Ok((response, usage))
        };
        collected.instrument(span).await.into()
    }

    async fn execution(self: &Arc<Self>, mut order: Box<Order>) -> Result<Started, Failed> {
        let content_hash = order.session.grant.content_hash;
        let sinks = Sinks {
            records: Arc::clone(&self.dependencies.records),
            minutes: Arc::clone(&self.dependencies.minutes),
        };
        let mut execution = RunningExecution::new(
            &order.permit,
            content_hash,
            sinks,
            order.started,
            self.in_progress.token(),
        );
        execution.watched = self.live.watch(&order.permit);
        execution.span = order.trace.take().map(|trace| traced::begin(&trace, order.started));
        let suspects = match self.dependencies.quarantine.check(&content_hash) {
            Ok(suspects) => suspects,
            Err(problem) => return Err(execution.finish(Err(problem)).into()),
        };
        let (prepared, admitted) = match self.prepare(&order.session, &order.permit, &mut execution).await {
            Ok(ready) => ready,
            Err(problem) => return Err(execution.finish(Err(problem)).into()),
        };
        let (method, path) = (order.request.method(), order.request.uri().path());
        execution.endpoint = prepared.release.endpoint(method, path);
        let quota = execution.held.as_ref().and_then(Held::fields);
        let trace = execution.span.as_ref().map(Span::place);
        if let Some(trace) = &trace {
            order.request.headers_mut().insert(TRACEPARENT, trace.traceparent());
        }
        // 4.
        let Order {
            session,
            permit,
            request,
            ..
        } = *order;
        let guest = Guest {
            pace: Arc::clone(&session.counters.pace),
            journal_entry: Some(Arc::clone(&prepared.journal_entry)),
            suspects,
        };
        let profile = self.profiles.of(&permit.identity.install);
        let call = Box::new(Call {
            engine: self.dependencies.engine.clone(),
            services: Arc::clone(&self.dependencies.services),
            prepared,
            permit,
            request,
            fuel: self.dependencies.defaults.fuel.map(NonZeroU64::get),
            turns: Turns::of_guest(&self.slots, session.counters.share(), guest),
            watching: Watched::watching(execution.watched.as_ref()),
            trace,
            profile,
        });
        let (writer, reader) = response_channel(call.turns.ticket());
        let service = Arc::clone(self);
        // Without the budget of tokio's cooperative scheduling, whose end would look like a guest
        // that waits: a guest gives way at every tick of the engine's epoch.
        let execution = unconstrained(service.invoke(call, writer, execution, admitted));
        let threads = &self.dependencies.guest_threads;
        let mut execution = Execution::new(execution, threads.handle(), threads.are_there());
        if session.counters.pace.overstays() {
            execution.move_if_allowed();
        }
        Ok((execution, reader, quota))
    }

    /// Acquires credit, prepares the component, and acquires capacity.
    async fn prepare(
        &self,
        session: &Session,
        permit: &Permit,
        execution: &mut RunningExecution,
    ) -> Result<(Arc<Prepared>, Admitted), Problem> {
        // 1.
        execution.held = Some(self.dependencies.quotas.hold(&session.subjects, permit).await?);
        // 2. A cold start counts against the deadline, too; if the deadline passes, loading
        //    continues for other requests.
        let (admission, counters) = (&self.admission, &session.counters);
        let (loader, content_hash) = (&self.dependencies.loader, session.grant.content_hash);
        let (prepared, cold) = match loader.in_memory(content_hash, permit.grants, &session.held).await {
            Some(ready) => (ready, false),
            None => {
                let _loading = admission.loading(counters)?;
                // An extension that cannot be loaded has a record.
                execution.account.is_admitted = true;
                let _span = execution.span.as_ref().map(traced::loading);
                // Boxed: its state is large, and rarely used.
                Box::pin(self.load_component(session, permit)).await?
            }
        };
        // 3. Refused for lack of capacity, or gone before there was any: no record.
        execution.account.is_admitted = false;
        let memory_slots = u32::try_from(permit.memory_bytes.div_ceil(SLOT_BYTES)).unwrap_or(u32::MAX);
        let slots = (prepared.slots, memory_slots);
        let admitted = admission.admit(counters, slots, permit.deadline).await?;
        execution.account.is_admitted = true;
        execution.account.usage.queued_us = microseconds(admitted.waited);
        execution.account.usage.cold = cold;
        Ok((prepared, admitted))
    }

    /// Returns the component, and whether it had to be loaded or linked first.
    async fn load_component(&self, session: &Session, permit: &Permit) -> Result<(Arc<Prepared>, bool), Problem> {
        let (loader, content_hash) = (&self.dependencies.loader, session.grant.content_hash);
        let prepare = loader.prepare(content_hash, permit.grants, &session.held);
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the extension was not loaded before its deadline",
            )
        };
        timeout_at(permit.deadline.into(), prepare).await.map_err(too_late)?
    }

    /// Calls the guest; owns everything that the execution uses until it ends.
    #[expect(
        clippy::manual_async_fn,
        reason = "the future of an async fn has two copies of its arguments"
    )]
    fn invoke(
        self: Arc<Self>,
        call: Box<Call>,
        writer: ResponseWriter,
        mut execution: RunningExecution,
        admitted: Admitted,
    ) -> impl Future<Output = Ended> + Send {
        async move {
            let journal_entry = Arc::clone(&call.prepared.journal_entry);
            let invocation = invoke(call, writer, &mut execution.account).await;
            if invocation.panicked {
                self.poison();
                // The next process counts it as a crash.
                journal_entry.panicked();
            }
            drop(admitted);
            execution.finish(invocation.result)
        }
    }

    /// Executes a request once per idempotency key; later requests get the first one's response.
    pub(crate) async fn run_once(self: &Arc<Self>, key: &str, mut order: Box<Order>) -> Result<Once, Problem> {
        if !(1..=IDEMPOTENCY_KEY_CHARACTERS).contains(&key.len()) {
            let message = format!("x-idempotency-key has 1 to {IDEMPOTENCY_KEY_CHARACTERS} characters");
            return Err(Problem::new(Code::BadRequest, message));
        }
        let (head, body) = order.request.into_parts();
        let length = body.length().and_then(|length| usize::try_from(length).ok());
        let _memory = self.idempotency.reserve(length.unwrap_or(BODY_BYTES).min(BODY_BYTES))?;
        let body = body.complete().await?;
        let digest = body_digest(&body);
        let permit = &order.permit;
        let key = IdempotencyKey {
            tenant: permit.identity.tenant.clone(),
            install: permit.identity.install.clone(),
            user: permit.user.as_ref().map(|user| (user.kind, user.id.clone())),
            method: head.method.to_string(),
            path: head.uri.to_string(),
            key: key.to_owned(),
        };
        order.request = Request::from_parts(head, body.into());
        // Runs in a task of its own: an execution with a key is finished and cached, even if the
        // caller disconnects.
        let (service, deadline) = (Arc::clone(self), permit.deadline);
        let longest = deadline.saturating_duration_since(Instant::now());
        let once = async move {
            let run = service.run(order);
            service.idempotency.once(key, digest, longest, run).await
        };
        let too_late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                "the first request with this key did not finish in time",
            )
        };
        // The request that executes ends by itself at its deadline. Requests that wait for it have
        // their own deadlines, and a little more time to receive its outcome.
        let once = tokio::spawn(once.instrument(tracing::Span::current()));
        let ended = timeout_at((deadline + DEADLINE_NOTICE).into(), once).await;
        ended.map_err(too_late)?.map_err(Problem::internal)?
    }
}

/// The span of an execution: every log line that it causes carries its context.
fn span(permit: &Permit) -> tracing::Span {
    let identity = &permit.identity;
    tracing::info_span!(
        target: "alga::execution", "execution", request = %identity.request, tenant = %identity.tenant,
        extension = %identity.extension, install = %identity.install
    )
}
