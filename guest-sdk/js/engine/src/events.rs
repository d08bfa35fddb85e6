//! Timers, requests on their way, and the loop that waits for them.

use crate::failure;
use alga::http::Pending;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Exception, Function, Persistent, Promise, Result, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// Timers that an execution may have at once: each holds a function.
const TIMERS: usize = 10_000;

/// Timer of `setTimeout` or `setInterval`.
struct Timer {
    callback: Persistent<Function<'static>>,
    /// Period of an interval.
    period: Option<Duration>,
}

/// Request whose response is awaited.
pub(crate) struct InFlight {
    pub(crate) id: u32,
    pub(crate) pending: Pending,
    pub(crate) resolve: Persistent<Function<'static>>,
    pub(crate) reject: Persistent<Function<'static>>,
    /// Settles its promise, when it has a response or has failed.
    pub(crate) arrive: fn(&Ctx<'_>, InFlight) -> Result<()>,
}

#[derive(Default)]
struct Events {
    /// By due time, then by the order in which they were set.
    timers: BTreeMap<(Duration, u32), Timer>,
    last_id: u32,
    in_flight: Vec<InFlight>,
}

thread_local! {
    static EVENTS: RefCell<Events> = const { RefCell::new(Events { timers: BTreeMap::new(), last_id: 0, in_flight: Vec::new() }) };
}

/// End of a run of the loop.
pub(crate) enum Settled<'js> {
    /// The promise has this value.
    Fulfilled,
    /// The promise was rejected with this value.
    Rejected(Value<'js>),
    /// No timer and no request is left that could settle the promise.
    Never,
}

/// Starts a timer and returns its id.
pub(crate) fn start_timer<'js>(ctx: Ctx<'js>, callback: Function<'js>, delay: f64, repeats: bool) -> Result<u32> {
    // As in browsers: a delay that is not a number is 0, and an interval has at least 1 ms.
    let least = if repeats { 1.0 } else { 0.0 };
    let milliseconds = if delay.is_finite() { delay.max(least) } else { least };
    let delay = Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX);
    let callback = Persistent::save(&ctx, callback);
    let started = EVENTS.with_borrow_mut(|events| {
        if events.timers.len() >= TIMERS {
            return None;
        }
        events.last_id += 1;
        let due = alga::time::monotonic().saturating_add(delay);
        let period = repeats.then_some(delay);
        events.timers.insert((due, events.last_id), Timer { callback, period });
        Some(events.last_id)
    });
    started.ok_or_else(|| Exception::throw_range(&ctx, &format!("an execution has at most {TIMERS} timers at once")))
}

/// Stops a timer, if it exists.
pub(crate) fn stop_timer(id: u32) {
    EVENTS.with_borrow_mut(|events| events.timers.retain(|(_, other), _| *other != id));
}

/// Adds a request whose response is awaited.
pub(crate) fn add(request: InFlight) {
    EVENTS.with_borrow_mut(|events| events.in_flight.push(request));
}

/// Cancels a request; its promise remains as it is.
pub(crate) fn cancel(id: u32) {
    EVENTS.with_borrow_mut(|events| events.in_flight.retain(|request| request.id != id));
}

/// Runs until a promise is settled.
///
/// # Errors
/// Returns errors of the engine itself.
pub(crate) fn run_until<'js>(ctx: &Ctx<'js>, promise: &Promise<'js>) -> Result<Settled<'js>> {
    loop {
        while ctx.execute_pending_job() {}
        match promise.state() {
            PromiseState::Resolved => return Ok(Settled::Fulfilled),
            PromiseState::Rejected => {
                // `result` throws the reason.
                let _: Option<Result<Value<'js>>> = promise.result();
                return Ok(Settled::Rejected(ctx.catch()));
            }
            PromiseState::Pending => {}
        }
        if !wait(ctx)? {
            return Ok(Settled::Never);
        }
    }
}

/// Waits for the next event and runs its callback. Returns false if there is none to wait for.
fn wait(ctx: &Ctx<'_>) -> Result<bool> {
    if !crate::stage::is_executing() {
        return Ok(false);
    }
    let now = alga::time::monotonic();
    if let Some(timer) = due(now) {
        call(ctx, timer)?;
        // Responses arrive also while a timer is always due.
        arrive(ctx, Some(Duration::ZERO))?;
        return Ok(true);
    }
    let timeout = EVENTS.with_borrow(|events| events.timers.keys().next().map(|(due, _)| due.saturating_sub(now)));
    arrive(ctx, timeout)
}

/// Waits for a response until the time is over, and settles its promise. Returns false if there is
/// nothing to wait for.
fn arrive(ctx: &Ctx<'_>, timeout: Option<Duration>) -> Result<bool> {
    let arrived = EVENTS.with_borrow_mut(|events| {
        let pending: Vec<_> = events.in_flight.iter().map(|request| &request.pending).collect();
        if pending.is_empty() && timeout.is_none() {
            return None;
        }
        let index = alga::http::wait_any(&pending, timeout);
        Some(index.map(|index| events.in_flight.remove(index)))
    });
    match arrived {
        None => return Ok(false),
        Some(Some(request)) => (request.arrive)(ctx, request)?,
        Some(None) => {}
    }
    Ok(true)
}

/// Removes the first timer that is due; an interval is set again.
fn due(now: Duration) -> Option<Persistent<Function<'static>>> {
    EVENTS.with_borrow_mut(|events| {
        let entry = events.timers.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, id), timer) = entry.remove_entry();
        let callback = timer.callback.clone();
        if let Some(period) = timer.period {
            events.timers.insert((now.saturating_add(period), id), timer);
        }
        Some(callback)
    })
}

/// Calls a timer's function. What it throws does not end the execution, as in browsers.
fn call(ctx: &Ctx<'_>, callback: Persistent<Function<'static>>) -> Result<()> {
    let called: Result<Value<'_>> = callback.restore(ctx)?.call(());
    if called.is_err() {
        failure::log_uncaught(ctx, &ctx.catch());
    }
    Ok(())
}
