//! Spins while it is instantiated.
#![no_main]

use alga::prelude::*;

/// What the component runs as its start function.
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    loop {
        std::hint::spin_loop();
    }
}

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    Ok(Response::text("ok"))
}
