//! Responds with the number of requests that this instance has handled: 1, if every request has its
//! own instance.
#![no_main]

use alga::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

static ASKED: AtomicU32 = AtomicU32::new(0);

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    Ok(Response::text((ASKED.fetch_add(1, Ordering::Relaxed) + 1).to_string()))
}
