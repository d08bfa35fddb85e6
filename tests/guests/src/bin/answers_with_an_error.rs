//! Returns an error code instead of a response.
#![no_main]

use alga_test_guests::wasi::http::types::ErrorCode;
use alga_test_guests::{IncomingRequest, ResponseOutparam, raw_handler};

fn handle(_: IncomingRequest, out: ResponseOutparam) {
    ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("secret of the guest".into()))));
}

raw_handler!(handle);
