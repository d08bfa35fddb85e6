//! Uses every function of `alga:ui-proxy`, and tries to specify a path.
#![no_main]

use alga::prelude::*;
use alga_test_guests::{error_text, report};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    report(call())
}

fn call() -> Result<serde_json::Value> {
    let read = ui_proxy::route("ticket")
        .parameter("id", "17 b")
        .parameter("view", "full&all")
        .call()?;
    let written = ui_proxy::route("comment")
        .parameter("id", "17")
        .call_with(&serde_json::json!({ "text": "hello" }))?;
    let attempts = [
        ui_proxy::route("/api/admin").call(),
        ui_proxy::route("ticket").parameter("id", "../admin").call(),
        ui_proxy::route("ticket").parameter("id", "..").call(),
        ui_proxy::route("ticket").call(),
        ui_proxy::route("ticket").parameter("id", "17").call_with(&1),
        ui_proxy::route("forbidden").call(),
        ui_proxy::route("nothing").call(),
        ui_proxy::route("wrong").call(),
        ui_proxy::route("broken").call(),
        ui_proxy::route("redirect").call(),
    ];
    let refused: Vec<String> = attempts
        .into_iter()
        .map(|response| error_text(response, "called"))
        .collect();
    Ok(serde_json::json!({
        "read": read.json::<serde_json::Value>()?, "status": read.status(), "type": read.content_type(), "written": written.json::<serde_json::Value>()?,
        "refused_calls": refused,
    }))
}
