//! A reader of a tenant's live events, which comes back when its connection ends.

use crate::client::OperatorArguments;
use crate::escape::escape_line;
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_bundle::TenantId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value};
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::Duration;

/// Time before a connection that ended is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// An event as it was received.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) event: String,
    #[serde(flatten)]
    pub(crate) data: Map<String, Value>,
}

impl Received {
    /// Adds a line of a server-sent event.
    pub(crate) fn add(&mut self, line: &str) {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut self.id),
            Some(("event", event)) => event.clone_into(&mut self.event),
            Some(("data", data)) => self.data = serde_json::from_str(data).unwrap_or_default(),
            // A comment, or the time after which to come back.
            _ => {}
        }
    }

    /// Returns a member of the event as text for a line of a terminal.
    pub(crate) fn text(&self, name: &str) -> String {
        match self.data.get(name) {
            Some(Value::String(text)) => escape_line(text).into_owned(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }

    /// Returns a number of the usage of an execution that has ended.
    pub(crate) fn usage(&self, name: &str) -> u64 {
        let usage = self.data.get("usage").and_then(|usage| usage.get(name)?.as_u64());
        usage.unwrap_or_default()
    }
}

/// Something for a reader.
pub(crate) enum Live {
    /// An event has arrived.
    Event(Received),
    /// Some time has passed.
    Tick,
}

/// The events to follow.
pub(crate) struct Followed<'a> {
    pub(crate) tenant: &'a TenantId,
    /// Names and values of the query.
    pub(crate) filters: Vec<(&'static str, &'a str)>,
    /// Longest time between two calls of the reader.
    pub(crate) tick: Duration,
}

/// Follows events until the reader has enough. Continues where it was when the connection ends.
pub(crate) fn follow(
    operator: &OperatorArguments,
    followed: &Followed<'_>,
    printer: &Printer,
    mut reader: impl FnMut(Live) -> ControlFlow<()>,
) -> Outcome {
    let path = path(followed);
    let (mut last, mut event) = (String::new(), Received::default());
    let (mut is_connected, mut is_over) = (false, false);
    while !is_over {
        let after = last.clone();
        let receive = |line: Option<&str>| {
            let live = match line {
                None => Live::Tick,
                Some("") if event.event.is_empty() => return ControlFlow::Continue(()),
                Some("") => Live::Event(std::mem::take(&mut event)),
                Some(line) => {
                    if line.starts_with("retry:") && after.is_empty() {
                        printer.note(&format!("following {}", followed.tenant));
                    }
                    event.add(line);
                    return ControlFlow::Continue(());
                }
            };
            if let Live::Event(event) = &live
                && !event.id.is_empty()
            {
                last.clone_from(&event.id);
            }
            let flow = reader(live);
            is_over = flow.is_break();
            flow
        };
        match operator.follow(&path, &after, followed.tick, receive) {
            Ok(()) => is_connected = true,
            // The server may be about to start again. Its refusals have a code.
            Err(error) if is_connected && error.code.is_none() => {}
            Err(error) => return Err(error),
        }
        if !is_over {
            printer.note("the connection ended; opening it again");
            sleep(PAUSE);
        }
    }
    Ok(())
}

fn path(followed: &Followed<'_>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let filters = followed.filters.iter();
    let filters = filters.map(|(name, value)| format!("{name}={}", encoded(value)));
    let query = filters.collect::<Vec<_>>().join("&");
    format!("/v1/live/{}?{query}", encoded(followed.tenant.as_str()))
}
