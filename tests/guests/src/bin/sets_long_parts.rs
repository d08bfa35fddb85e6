//! Gives a request methods, authorities and targets of growing length, and responds with the
//! longest of each that was accepted.
#![no_main]

use alga::prelude::*;
use alga_test_guests::{Fields, wasi};
use wasi::http::types::{Method, OutgoingRequest};

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let request = OutgoingRequest::new(Fields::new());
    let longest = |accepts: &dyn Fn(String) -> bool| {
        let lengths = (0..22).map(|power| 1_usize << power);
        lengths.take_while(|length| accepts("a".repeat(*length))).last()
    };
    let method = longest(&|text| request.set_method(&Method::Other(text)).is_ok());
    let authority = longest(&|text| request.set_authority(Some(&text)).is_ok());
    let target = longest(&|text| request.set_path_with_query(Some(&format!("/{}", &text[1..]))).is_ok());
    Ok(Response::text(format!("{method:?} {authority:?} {target:?}")))
}
