//! Writes more log records than the limit, then responds with the number of refused ones.
#![no_main]

use alga::prelude::*;
use alga_test_guests::platform::log::logger::{Level, emit};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let filler = "x".repeat(500);
    let refused = (0..10_000)
        .filter(|number| emit(Level::Info, &format!("record {number} {filler}"), &[]).is_err())
        .count();
    Ok(Response::text(refused.to_string()))
}
