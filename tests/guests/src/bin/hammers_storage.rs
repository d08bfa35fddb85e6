//! Writes and reads records as fast as it can.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let records = alga::kv::Namespace::new("hammer");
    loop {
        records.put("key", &"x".repeat(100)).ok();
        records.get::<String>("key").ok();
    }
}
