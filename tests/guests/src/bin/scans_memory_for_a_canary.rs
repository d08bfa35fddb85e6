//! Searches all memory that it can allocate for the secret of another guest, and responds with the
//! number of matches.
//!
//! The pattern is assembled at run time, so that this guest's own memory does not contain it.
#![no_main]

use alga::prelude::*;
use std::hint::black_box;

const BLOCK: usize = 64 * 1024;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let shifted: Vec<u8> = b"DBOBSZ".iter().map(|byte| byte - 1).collect();
    // Fresh pages and the part of the stack below: memory that the pool reuses.
    let heap: Vec<Vec<u8>> = (0..300).map(|_| Vec::with_capacity(BLOCK)).collect();
    let mut found = 0;
    for block in &heap {
        // SAFETY: linear memory is always initialized: its bytes are whatever the host put there,
        // which is what this guest tests.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), BLOCK) };
        found += count(bytes, &shifted);
    }
    found += count(black_box(&stack_below()), &shifted);
    Ok(Response::text(found.to_string()))
}

fn count(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).filter(|window| *window == pattern).count()
}

#[inline(never)]
fn stack_below() -> Vec<u8> {
    let here = black_box(0_u8);
    let top = &raw const here as usize;
    let bottom = top.saturating_sub(BLOCK);
    // SAFETY: the stack of a guest is part of its linear memory, which is always initialized.
    (bottom..top)
        .map(|address| unsafe { std::ptr::read_volatile(address as *const u8) })
        .collect()
}
