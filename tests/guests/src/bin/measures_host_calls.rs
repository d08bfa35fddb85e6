//! Makes 200 host calls of the kind that the path selects, to measure their cost.
#![no_main]

use alga::prelude::*;
use alga_test_guests::platform::log::logger;
use alga_test_guests::platform::storage::kv;
use alga_test_guests::wasi::clocks::monotonic_clock;

const CALLS: usize = 200;

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let options = kv::PutOptions {
        if_revision: None,
        ttl_seconds: None,
        metadata: Vec::new(),
    };
    let path = request.path().to_owned();
    for _ in 0..CALLS {
        let done = match path.as_str() {
            "/log" => logger::emit(logger::Level::Info, "a message", &[]).is_ok(),
            "/get" => kv::get("n", "k").is_ok(),
            "/put" => kv::put("n", "k", b"a value", &options).is_ok(),
            _ => monotonic_clock::now() < u64::MAX,
        };
        if !done {
            return Err(Error::Internal(format!("{path} was refused")));
        }
    }
    Ok(Response::status(200))
}
