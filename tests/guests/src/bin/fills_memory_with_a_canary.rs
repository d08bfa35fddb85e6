//! Writes a secret all over its memory and stack, then ends in the way that the path selects.
#![no_main]

use alga::prelude::*;
use std::hint::black_box;

const CANARY: &[u8; 32] = b"CANARY-0123456789-CANARY-9876543";

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let heap = black_box(CANARY.repeat(64 * 1024));
    let stack = black_box([*CANARY; 1_000]);
    match request.path() {
        "/traps" => panic!("with {} bytes of canary", heap.len() + stack.len() * 32),
        "/loops" => loop {
            black_box(&heap);
        },
        "/exhausts" => {
            let mut blocks = Vec::new();
            loop {
                blocks.push(black_box(CANARY.repeat(8 * 1024)));
            }
        }
        "/sleeps" => alga::time::sleep(std::time::Duration::from_secs(60)),
        _ => {}
    }
    Ok(Response::text((heap.len() + stack.len()).to_string()))
}
