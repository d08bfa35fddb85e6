//! Allocates memory without limit and never frees any.
#![no_main]

use alga::prelude::*;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let mut stored: Vec<Vec<u8>> = Vec::new();
    loop {
        stored.push(vec![1; 1024 * 1024]);
    }
}
