//! Calls a cheap host function in an endless loop.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    loop {
        std::hint::black_box(context::remaining());
    }
}
