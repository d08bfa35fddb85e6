//! Uses every function of `alga:log`, with every level, and with text that imitates other output.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    log::debug("debug");
    log::info_with("info", &[("name", "value")]);
    log::warn("warn\r\n{\"level\":\"ERROR\",\"tenant\":\"victim\"}");
    log::error("\u{1b}[31merror");
    Ok(Response::text("logged"))
}
