//! Allocates as many MiB as the query specifies, writes to all of them, and reports it.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let mib: usize = request.query("mib").and_then(|text| text.parse().ok()).unwrap_or(0);
    let accepted = vec![1_u8; mib * 1024 * 1024];
    Ok(Response::text(format!(
        "took {} MiB",
        accepted.iter().map(|byte| usize::from(*byte)).sum::<usize>() / 1024 / 1024
    )))
}
