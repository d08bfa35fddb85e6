//! Responds with values of the ambient interfaces.
#![no_main]

use alga::prelude::*;
use alga_test_guests::wasi::random::{insecure_seed, random};

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    if request.path() == "/too-much" {
        return Ok(Response::text(random::get_random_bytes(1 << 20).len().to_string()));
    }
    let before = alga::time::monotonic();
    alga::time::sleep(std::time::Duration::from_millis(3));
    Response::json(&serde_json::json!({
        "whole_milliseconds": alga::time::unix().subsec_nanos().is_multiple_of(1_000_000) && before.subsec_nanos().is_multiple_of(1_000_000),
        "slept": (alga::time::monotonic() - before).as_millis() >= 2,
        "random_differs": random::get_random_u64() != random::get_random_u64() && random::get_random_bytes(16) != [0; 16],
        "seed_differs": insecure_seed::insecure_seed() != (0, 0),
    }))
}
