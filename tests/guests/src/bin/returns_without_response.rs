//! Returns without having set a response.
#![no_main]

use alga_test_guests::{IncomingRequest, ResponseOutparam, raw_handler};

fn handle(_: IncomingRequest, out: ResponseOutparam) {
    std::mem::forget(out);
}

raw_handler!(handle);
