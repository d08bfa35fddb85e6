//! Responds with 200 and the text `ok`.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_request: Request) -> Result<Response> {
    Ok(Response::text("ok"))
}
