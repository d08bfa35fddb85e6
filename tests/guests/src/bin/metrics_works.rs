//! Uses every function of `alga:metrics`, correctly and in every wrong way.
#![no_main]

use alga::prelude::*;
use alga_test_guests::{error_text, report};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(measure())
}

fn measure() -> Result<serde_json::Value> {
    metrics::add("calls", 1.0, &[("kind", "a")])?;
    metrics::add("calls", 2.0, &[("kind", "a")])?;
    metrics::set("depth", -1.5, &[])?;
    metrics::observe("seconds", 0.2, &[])?;
    let refused: Vec<String> = [
        metrics::add("unknown", 1.0, &[("k", "v")]),
        metrics::add("depth", 1.0, &[]),
        metrics::add("calls", 1.0, &[]),
        metrics::add("calls", 1.0, &[("kind", "a"), ("kind", "b")]),
        metrics::add("calls", -1.0, &[("kind", "a")]),
        metrics::set("depth", f64::NAN, &[]),
        metrics::add("calls", 1.0, &[("kind", &"v".repeat(129))]),
    ]
    .into_iter()
    .map(|result| error_text(result, "taken"))
    .collect();
    Ok(serde_json::json!({ "refused_calls": refused }))
}
