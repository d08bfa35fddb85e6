//! Creates header resources and never drops one.
#![no_main]

use alga::prelude::*;
use alga_test_guests::Fields;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    loop {
        std::mem::forget(Fields::new());
    }
}
