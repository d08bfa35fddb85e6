//! Panics, which is a trap.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    panic!("on purpose");
}
