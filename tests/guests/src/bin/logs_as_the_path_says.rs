//! Logs as many messages as the path names, then responds.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let count: usize = request.path().trim_start_matches('/').parse().unwrap_or_default();
    for number in 0..count {
        log::info(&format!(
            "message {number} of an extension that logs a line of usual length"
        ));
    }
    Ok(Response::text("ok"))
}
