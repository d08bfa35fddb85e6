//! Parses JSON as deeply nested as its parser allows, on the guest's stack.
#![no_main]

use alga::prelude::*;
use serde_json::Value;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let mut depth = 0;
    let mut value = &request.json::<Value>()?;
    while let Some(inner) = value.get(0) {
        (depth, value) = (depth + 1, inner);
    }
    Ok(Response::text(depth.to_string()))
}
