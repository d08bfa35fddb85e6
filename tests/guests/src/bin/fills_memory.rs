//! Fills its memory again and again, with one instruction each time.
#![no_main]

use alga::prelude::*;
use std::hint::black_box;

const BYTES: usize = 48 * 1024 * 1024;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let mut memory = vec![0_u8; BYTES];
    loop {
        black_box(&mut memory).fill(1);
    }
}
