//! Responds with the body of the request.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Ok(Response::status(200).with_bytes(request.body()?))
}
