//! A reader of a tenant's live events, which comes back when its connection ends.

use crate::client::OperatorArguments;
use crate::escape::escape_line;
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_bundle::TenantId;
use alga_errors::Code;
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
    let mut last = String::new();
    let (mut is_connected, mut is_over) = (false, false);
    while !is_over {
        let after = last.clone();
        // A connection may have ended within an event.
        let mut event = Received::default();
        let receive = |line: Option<&str>| {
            let live = match line {
                None => Live::Tick,
                Some("") if event.event.is_empty() => {
                    // A sign of life, which may move the place to continue from.
                    let Received { id, .. } = std::mem::take(&mut event);
                    if !id.is_empty() {
                        last = id;
                    }
                    return ControlFlow::Continue(());
                }
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
            // The server may be about to start again. What it refuses for another reason stays so.
            Err(error) if is_connected && is_temporary(error.code.as_deref()) => {}
            Err(error) => return Err(error),
        }
        if !is_over {
            printer.note("the connection ended; opening it again");
            sleep(PAUSE);
        }
    }
    Ok(())
}

/// Reports whether a connection that failed may succeed soon: the server does not respond, is about
/// to stop, is busy, or has not seen yet that the last connection ended.
fn is_temporary(code: Option<&str>) -> bool {
    let codes = [Code::Draining, Code::Overloaded, Code::RateLimited];
    code.is_none_or(|code| codes.iter().any(|temporary| temporary.as_str() == code))
}

fn path(followed: &Followed<'_>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let filters = followed.filters.iter();
    let filters = filters.map(|(name, value)| format!("{name}={}", encoded(value)));
    let query = filters.collect::<Vec<_>>().join("&");
    format!("/v1/live/{}?{query}", encoded(followed.tenant.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread::spawn;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        operator: OperatorArguments,
    }

    /// Follows the streams that a server writes, one for each connection. It sees the heads of the
    /// requests.
    fn follow_server(
        tick: Duration,
        mut write: impl FnMut(usize, &str, &mut TcpStream) + Send + 'static,
        reader: impl FnMut(Live) -> ControlFlow<()>,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
                let head = head.collect::<Vec<_>>().join("\n");
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nretry: 1000\n\n")
                    .unwrap();
                write(number, &head, &mut stream);
            }
        });
        let command = Command::parse_from(["alga", "--server", &address, "--api-key", "key"]);
        let followed = Followed {
            tenant: &"demo".parse().unwrap(),
            filters: Vec::new(),
            tick,
        };
        follow(&command.operator, &followed, &Printer::new(true), reader).unwrap();
    }

    #[test]
    fn an_event_that_a_connection_ends_within_is_received_again_as_a_whole() {
        let write = |number: usize, head: &str, stream: &mut TcpStream| {
            let text = if number == 0 {
                "id: 1-1\nevent: log\ndata: {\"n\":1}\n\n:\nid: 1-7\n\nid: 1-8\nevent: log\n"
            } else {
                assert!(head.contains("last-event-id: 1-7"), "{head}");
                "id: 1-8\nevent: log\ndata: {\"n\":8}\n\n"
            };
            stream.write_all(text.as_bytes()).unwrap();
        };
        let mut numbers = Vec::new();
        follow_server(Duration::MAX, write, |live| {
            let Live::Event(event) = live else {
                return ControlFlow::Continue(());
            };
            numbers.push(event.text("n"));
            if numbers.len() == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(numbers, ["1", "8"]);
    }

    #[test]
    fn a_server_that_is_about_to_stop_is_asked_again_and_one_that_denies_is_not() {
        for (code, is_asked_again) in [
            (None, true),
            (Some("draining"), true),
            (Some("overloaded"), true),
            (Some("rate_limited"), true),
            (Some("unauthenticated"), false),
            (Some("not_found"), false),
        ] {
            assert_eq!(is_temporary(code), is_asked_again, "{code:?}");
        }
    }

    #[test]
    fn ticks_come_while_a_stream_shows_signs_of_life() {
        // Written as fast as they are read, so that there is no silence of one tick.
        let write =
            |_: usize, _: &str, stream: &mut TcpStream| while stream.write_all(&b":\n\n".repeat(1_000)).is_ok() {};
        let mut ticks = 0;
        follow_server(Duration::from_millis(20), write, |_| {
            ticks += 1;
            if ticks == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }
}
