//! Errors and their stacks as text, with the author's file names, for the log.

use crate::source_map;
use rquickjs::{Ctx, Persistent, Value};
use std::cell::RefCell;

/// Rejections that are stored for the end of an execution.
const REJECTIONS: usize = 16;

thread_local! {
    /// Rejected promises that nothing has handled, with their reasons.
    static REJECTED: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

/// A promise and the reason of its rejection.
type Rejection = (Persistent<Value<'static>>, Persistent<Value<'static>>);

/// Returns an error as text: name, message, and the stack.
pub(crate) fn describe(error: &Value<'_>) -> String {
    let Some(object) = error.as_object().filter(|object| object.as_exception().is_some()) else {
        return format!("a value that is not an error was thrown: {}", text(error));
    };
    let field = |name: &str| object.get::<_, Option<String>>(name).ok().flatten().unwrap_or_default();
    let (name, message, stack) = (field("name"), field("message"), field("stack"));
    let headline = if message.is_empty() {
        name
    } else {
        format!("{name}: {message}")
    };
    let mut described = headline;
    // Functions of the engine's own scripts have no positions.
    let is_own = |line: &&str| line.contains("(<null>:");
    for line in source_map::translated(&stack).lines().filter(|line| !is_own(line)) {
        described.push_str("\n    ");
        described.push_str(line.trim());
    }
    if let Some(cause) = object
        .get::<_, Value<'_>>("cause")
        .ok()
        .filter(|cause| cause.is_error())
    {
        described.push_str("\ncaused by ");
        // Without the causes of the cause: they may be a cycle.
        let cause_text = cause
            .as_exception()
            .and_then(rquickjs::Exception::message)
            .unwrap_or_default();
        described.push_str(&cause_text);
    }
    described
}

fn text(value: &Value<'_>) -> String {
    let json = value.ctx().json_stringify(value.clone()).ok().flatten();
    let json = json.and_then(|json| json.to_string().ok());
    json.unwrap_or_else(|| value.type_name().to_owned())
}

/// Logs what a timer's function or the handler has thrown.
pub(crate) fn log_uncaught(_: &Ctx<'_>, error: &Value<'_>) {
    log(&format!("uncaught {}", describe(error)));
}

/// Logs an error, if there is a host.
pub(crate) fn log(text: &str) {
    if crate::stage::is_executing() {
        alga::log::error(text);
    }
}

/// Stores a rejection until something handles it.
pub(crate) fn track_rejection<'js>(ctx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, is_handled: bool) {
    REJECTED.with_borrow_mut(|rejected| {
        if is_handled {
            rejected.retain(|(other, _)| other.clone().restore(&ctx).is_ok_and(|other| other != promise));
        } else if rejected.len() < REJECTIONS {
            rejected.push((Persistent::save(&ctx, promise), Persistent::save(&ctx, reason)));
        }
    });
}

/// Describes the rejections that nothing has handled.
pub(crate) fn unhandled(ctx: &Ctx<'_>) -> Vec<String> {
    let reasons = REJECTED
        .take()
        .into_iter()
        .filter_map(|(_, reason)| reason.restore(ctx).ok());
    reasons.map(|reason| describe(&reason)).collect()
}
