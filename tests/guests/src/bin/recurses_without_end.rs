//! Recurses until its stack overflows.
#![no_main]

use alga::prelude::*;
use std::hint::black_box;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    Ok(Response::text(deeper(0).to_string()))
}

#[expect(unconditional_recursion, reason = "that it does not end is what this guest is for")]
fn deeper(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    black_box(deeper(here[0] + 1)) + here[1]
}
