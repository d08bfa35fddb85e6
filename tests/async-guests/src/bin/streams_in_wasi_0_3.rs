//! Writes its response while it runs, in the way that the path names: the guest `streams` for
//! WASI 0.3.

use alga_async_guests::alga::log::logger::{Level, emit};
use alga_async_guests::exports::wasi::http::handler::Guest;
use alga_async_guests::wasi::clocks::monotonic_clock;
use alga_async_guests::wasi::http::types::{ErrorCode, Fields, Request, Response};
use alga_async_guests::{Contents, echo, path, respond_with, wit_future};
use wit_bindgen::{StreamResult, StreamWriter};

const MILLISECOND: u64 = 1_000_000;

struct Service;

impl Guest for Service {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = path(&request);
        let fields = Fields::new();
        let set = |name: &str, value: &str| fields.set(name, &[value.as_bytes().to_vec()]).unwrap();
        set("content-type", "text/event-stream");
        if path == "/declared" {
            set("content-length", "4");
        }
        let (_, result) = wit_future::new(|| Ok(()));
        let contents = Request::consume_body(request, result);
        respond_with(200, fields, |body| write(path, contents, body))
    }
}

async fn write(path: String, contents: Contents, mut body: StreamWriter<u8>) {
    match path.as_str() {
        "/events" => {
            for number in 0..3 {
                event(&mut body, number).await;
            }
        }
        "/events-without-end" => {
            for number in 0.. {
                event(&mut body, number).await;
            }
        }
        "/echo" => echo(contents, body).await,
        "/trap" => {
            event(&mut body, 0).await;
            panic!("within its response");
        }
        "/flood" => {
            read_all(contents).await;
            wait(20).await;
            while body.write_all(vec![b'x'; 4096]).await.is_empty() {}
        }
        "/declared" => {
            wait(5).await;
            body.write_all(b"four".to_vec()).await;
            log_later().await;
        }
        "/trap-after" => {
            event(&mut body, 0).await;
            drop(body);
            wit_bindgen::spawn_local(async {
                wait(1).await;
                panic!("after its response");
            });
        }
        "/log-after" => {
            drop(body);
            wit_bindgen::spawn_local(log_later());
        }
        _ => {}
    }
}

/// Writes an event and waits, so that the host sees the guest waiting.
async fn event(body: &mut StreamWriter<u8>, number: u64) {
    body.write_all(format!("data: {number}\n\n").into_bytes()).await;
    wait(5).await;
}

async fn log_later() {
    wait(20).await;
    emit(Level::Info, "after its response", &[]).unwrap();
}

async fn wait(milliseconds: u64) {
    monotonic_clock::wait_for(milliseconds * MILLISECOND).await;
}

/// Waits for the end of the request's body, for which the client decides when the host sees the
/// guest waiting.
async fn read_all((mut contents, _): Contents) {
    while let (StreamResult::Complete(_), _) = contents.read(Vec::with_capacity(64 * 1024)).await {}
}

alga_async_guests::export!(Service with_types_in alga_async_guests);

fn main() {}
