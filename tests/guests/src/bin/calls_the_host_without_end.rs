//! Calls a cheap host function for ever.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    loop {
        std::hint::black_box(context::remaining());
    }
}
