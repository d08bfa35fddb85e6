//! Writes its response while it runs, in the way that the path names.
#![no_main]

use alga::log;
use alga_test_guests::{IncomingRequest, OutgoingBody, ResponseOutparam, raw_handler, respond, wasi};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::http::types::IncomingBody;
use wasi::io::streams::{InputStream, OutputStream, StreamError};

const MILLISECOND: u64 = 1_000_000;

fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    let mut headers = vec![("content-type".to_owned(), b"text/event-stream".to_vec())];
    if path == "/declared" {
        headers.push(("content-length".to_owned(), b"4".to_vec()));
    }
    let body = respond(out, 200, &headers);
    let stream = body.write().unwrap();
    match path.as_str() {
        "/events" => (0..3).for_each(|number| event(&stream, number)),
        "/events-without-end" => (0..u64::MAX).for_each(|number| event(&stream, number)),
        "/one-event" => {
            event(&stream, 0);
            wait(20_000);
        }
        "/loop" => {
            event(&stream, 0);
            loop {
                std::hint::black_box(0);
            }
        }
        "/timed-events" => (0..20).for_each(|_| timed_event(&stream)),
        "/echo" => echo(&request, &stream),
        "/trap" => {
            event(&stream, 0);
            panic!("within its response");
        }
        "/flood" => {
            read_all(&request);
            wait(20);
            while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
        }
        "/declared" => {
            wait(5);
            stream.blocking_write_and_flush(b"four").unwrap();
            wait(20);
            log::info("after its response");
        }
        "/trap-after" => {
            event(&stream, 0);
            drop(stream);
            OutgoingBody::finish(body, None).unwrap();
            panic!("after its response");
        }
        "/log-after" => {
            drop(stream);
            OutgoingBody::finish(body, None).unwrap();
            wait(20);
            log::info("after its response");
            return;
        }
        _ => {}
    }
    drop(stream);
    OutgoingBody::finish(body, None).ok();
}

/// Writes an event and waits, so that the host sees the guest waiting.
fn event(stream: &OutputStream, number: u64) {
    let text = format!("data: {number}\n\n");
    stream.blocking_write_and_flush(text.as_bytes()).unwrap();
    wait(5);
}

/// Writes an event with the time in milliseconds since 1970.
fn timed_event(stream: &OutputStream) {
    let now = wasi::clocks::wall_clock::now();
    let milliseconds = now.seconds * 1000 + u64::from(now.nanoseconds) / MILLISECOND;
    let text = format!("at: {milliseconds}\n\n");
    stream.blocking_write_and_flush(text.as_bytes()).unwrap();
    wait(20);
}

fn wait(milliseconds: u64) {
    subscribe_duration(milliseconds * MILLISECOND).block();
}

/// Waits for the end of the request's body, for which the client decides when the host sees the
/// guest waiting.
fn read_all(request: &IncomingRequest) {
    let body: IncomingBody = request.consume().unwrap();
    let input: InputStream = body.stream().unwrap();
    while input.blocking_read(64 * 1024).is_ok() {}
}

/// Sends every part of the request's body back as soon as it arrives.
fn echo(request: &IncomingRequest, stream: &OutputStream) {
    let body: IncomingBody = request.consume().unwrap();
    let input: InputStream = body.stream().unwrap();
    loop {
        match input.blocking_read(4096) {
            Ok(bytes) => stream.blocking_write_and_flush(&bytes).unwrap(),
            Err(StreamError::Closed) => return,
            Err(StreamError::LastOperationFailed(_)) => panic!("the request was interrupted"),
        }
    }
}

raw_handler!(handle);
