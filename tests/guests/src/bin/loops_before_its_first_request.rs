//! Loops while it is instantiated.
#![no_main]

use alga::prelude::*;

/// Start function of the component.
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
