//! Logs that it has started, then waits until the host stops it.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    log::info("began");
    alga::time::sleep(std::time::Duration::from_secs(3_600));
    Ok(Response::text("never"))
}
