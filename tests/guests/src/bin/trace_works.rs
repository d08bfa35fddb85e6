//! Uses every function of `alga:trace`: spans in and beside each other, every wrong way, and each
//! limit.
#![no_main]

use alga::prelude::*;
use alga_test_guests::platform::trace::tracer::{self, Attribute, Error as Refusal};
use serde_json::{Value, json};

const SPANS: u32 = 64;
const ATTRIBUTES: usize = 64;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    trace::set("order", "o-17");
    trace::set("order", "o-18");
    let outer = trace::span("outer");
    let inner = trace::span("inner");
    inner.set("lines", "3");
    log::info("inside of the inner one");
    let seen = trace::traceparent();
    inner.fail("nothing is left");
    let beside = outer.child("beside");
    outer.end();
    log::info("inside of the one whose parent has ended");
    beside.end();
    log::info("outside of both");
    let wrong = wrong();
    let limits = limits();
    Response::json(&json!({ "is_traced": seen.is_some(), "wrong": wrong, "limits": limits }))
}

/// Returns what refuses each wrong call.
fn wrong() -> Value {
    let begin = |name: &str, parent| text(tracer::begin(name, parent));
    let open = tracer::begin("open", None).unwrap();
    let refused = json!({
        "no_name": begin("", None),
        "long_name": begin(&"n".repeat(65), None),
        "control_character": begin("a\nb", None),
        "no_parent": begin("a", Some(99)),
        "no_span": text(tracer::annotate(Some(99), &[])),
        "wrong_attribute": text(tracer::annotate(Some(open), &[attribute("right", "1"), attribute("", "2")])),
        "zero": text(tracer::end(0, None)),
        "ended": { "first": text(tracer::end(open, None)), "again": text(tracer::end(open, None)) },
    });
    refused
}

/// Returns how much is accepted of what this execution may have, and what refuses the rest.
fn limits() -> Value {
    let mut at_once = Vec::new();
    let full = loop {
        match tracer::begin("many", None) {
            Ok(number) => at_once.push(number),
            Err(refusal) => break refusal,
        }
    };
    for number in &at_once {
        tracer::end(*number, None).unwrap();
    }
    let mut total = at_once.last().copied().unwrap();
    let last = loop {
        match tracer::begin("many", None) {
            Ok(number) => {
                total = number;
                tracer::end(number, None).unwrap();
            }
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(total, SPANS);
    let many: Vec<Attribute> = (0..ATTRIBUTES)
        .map(|number| attribute(&number.to_string(), ""))
        .collect();
    json!({
        "in_progress": at_once.len(), "full": name(&full), "total": total, "last": name(&last),
        "attributes": text(tracer::annotate(None, &many)),
        "long_value": text(tracer::annotate(None, &[attribute("long", &"v".repeat(10_000))])),
    })
}

fn attribute(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn text<T>(result: std::result::Result<T, Refusal>) -> String {
    result
        .err()
        .map_or_else(|| "accepted".to_owned(), |refusal| name(&refusal))
}

fn name(refusal: &Refusal) -> String {
    match refusal {
        Refusal::BudgetExhausted => "budget-exhausted".to_owned(),
        Refusal::InvalidInput(text) => format!("invalid-input: {text}"),
        Refusal::Other(text) => format!("other: {text}"),
    }
}
