//! Waits in the host, without using CPU time.
#![no_main]

use alga::prelude::*;
use std::time::Duration;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    alga::time::sleep(Duration::from_secs(60 * 60));
    Ok(Response::text("awake"))
}
