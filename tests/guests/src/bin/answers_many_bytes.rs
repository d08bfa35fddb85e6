//! Responds with exactly as many bytes as the query specifies.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let bytes = request.raw_query().parse().unwrap_or(0);
    Ok(Response::status(200).with_body("application/octet-stream", vec![b'x'; bytes]))
}
