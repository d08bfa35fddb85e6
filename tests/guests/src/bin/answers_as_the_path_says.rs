//! Answers in the way that the path names: each is something that is not a proper response.
#![no_main]

use alga_test_guests::{IncomingRequest, OutgoingBody, ResponseOutparam, raw_handler, respond};

fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    match path.as_str() {
        "/status-101" => finish(respond(out, 101, &[])),
        "/status-999" => finish(respond(out, 999, &[])),
        "/headers-101" => finish(respond(out, 200, &headers(101, 4))),
        "/headers-large" => finish(respond(out, 200, &headers(20, 3_000))),
        "/header-not-ascii" => finish(respond(out, 200, &[("x-a".into(), vec![0xff])])),
        "/body-without-end" => without_end(&respond(out, 200, &[])),
        "/body-not-finished" => std::mem::forget(respond(out, 200, &[])),
        "/body-shorter-than-said" => shorter(respond(out, 200, &[("content-length".into(), b"10".to_vec())])),
        "/trailers" => trailers(respond(out, 200, &[])),
        "/cookie" => finish(respond(out, 200, &[("set-cookie".into(), b"session=stolen".to_vec())])),
        _ => finish(respond(out, 200, &[])),
    }
}

fn headers(count: usize, bytes: usize) -> Vec<(String, Vec<u8>)> {
    (0..count)
        .map(|number| (format!("x-{number}"), vec![b'a'; bytes]))
        .collect()
}

fn finish(body: OutgoingBody) {
    OutgoingBody::finish(body, None).ok();
}

fn without_end(body: &OutgoingBody) {
    let stream = body.write().unwrap();
    let chunk = vec![b'x'; 4096];
    while stream.blocking_write_and_flush(&chunk).is_ok() {}
}

fn shorter(body: OutgoingBody) {
    body.write().unwrap().blocking_write_and_flush(b"short").unwrap();
    OutgoingBody::finish(body, None).ok();
}

fn trailers(body: OutgoingBody) {
    let fields = alga_test_guests::Fields::from_list(&[("x-late".to_owned(), b"1".to_vec())]).unwrap();
    OutgoingBody::finish(body, Some(fields)).ok();
}

raw_handler!(handle);
