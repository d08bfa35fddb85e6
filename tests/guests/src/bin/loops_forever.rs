//! Loops until the host stops it.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    loop {
        std::hint::spin_loop();
    }
}
