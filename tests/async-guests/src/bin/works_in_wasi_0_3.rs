//! Streams, sleeps, sends requests, and misbehaves, by the path.

use alga_async_guests::exports::wasi::http::handler::Guest;
use alga_async_guests::wasi::cli::{environment, exit, stderr, stdin, stdout, terminal_stdout};
use alga_async_guests::wasi::clocks::monotonic_clock;
use alga_async_guests::wasi::http::client;
use alga_async_guests::wasi::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use alga_async_guests::wasi::random::random;
use alga_async_guests::{echo, path, respond, respond_with, wit_future, wit_stream};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use wit_bindgen::StreamWriter;

/// An hour in nanoseconds: longer than any execution.
const HOUR: u64 = 3_600_000_000_000;
const CANARY: &[u8; 32] = b"CANARY-0123456789-CANARY-9876543";

/// Calls that this instance has handled.
static CALLS: AtomicU32 = AtomicU32::new(0);

struct Service;

impl Guest for Service {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        match path(&request).as_str() {
            "/hello" => respond(200, |mut body| async move {
                body.write_all(b"hello".to_vec()).await;
            }),
            "/stream" => respond(200, |mut body| async move {
                for part in 0..3 {
                    body.write_all(format!("part {part}\n").into_bytes()).await;
                    monotonic_clock::wait_for(20_000_000).await;
                }
            }),
            "/echo" => {
                let (_, result) = wit_future::new(|| Ok(()));
                let contents = Request::consume_body(request, result);
                respond(201, |body| echo(contents, body))
            }
            "/output" => respond(200, |body| async move { output(body).await }),
            "/exit" => {
                exit::exit_with_code(3);
                unreachable!()
            }
            "/parts" => {
                let text = longest_parts();
                respond(200, move |mut body| async move {
                    body.write_all(text.into_bytes()).await;
                })
            }
            "/count" => {
                let count = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
                respond(200, move |mut body| async move {
                    body.write_all(count.to_string().into_bytes()).await;
                })
            }
            path if path.starts_with("/canary") => canary(path).await,
            "/random" => respond(200, |mut body| async move {
                body.write_all(format!("{:x}", random::get_random_u64()).into_bytes())
                    .await;
            }),
            "/fetch" => fetch(request).await,
            "/error" => Err(ErrorCode::InternalError(Some("the guest's reason".to_owned()))),
            "/never" => {
                std::future::pending::<()>().await;
                unreachable!()
            }
            "/sleep" => {
                monotonic_clock::wait_for(HOUR).await;
                unreachable!()
            }
            "/until" => {
                monotonic_clock::wait_until(u64::MAX).await;
                unreachable!()
            }
            "/loop" => loop {
                black_box(());
            },
            "/streams" => {
                let mut all = Vec::new();
                loop {
                    all.push(wit_stream::new::<u8>());
                }
            }
            "/calls" => {
                for _ in 0..100_000 {
                    wit_bindgen::spawn_local(async { monotonic_clock::wait_for(HOUR).await });
                }
                respond(200, |_| async {})
            }
            "/requests" => {
                let all: Vec<_> = std::iter::repeat_with(Fields::new).take(1_000_000).collect();
                respond(200, |_| async move { drop(all) })
            }
            "/endless" => respond(200, |mut body| async move {
                while body.write_all(vec![0; 65_536]).await.is_empty() {}
            }),
            "/allocate" => respond(200, |mut body| async move {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                    body.write_all(b"more".to_vec()).await;
                }
            }),
            "/short" => {
                let fields = Fields::from_list(&[("content-length".to_owned(), b"10".to_vec())]);
                respond_with(200, fields.unwrap_or_else(|_| Fields::new()), |mut body| async move {
                    body.write_all(b"short".to_vec()).await;
                })
            }
            "/many-bytes" => respond(200, |_| async {
                random::get_random_bytes(1 << 30);
            }),
            "/half" => respond(200, |mut body| async move {
                body.write_all(b"half".to_vec()).await;
                panic!("after half of the response");
            }),
            "/background" => {
                wit_bindgen::spawn_local(async { monotonic_clock::wait_for(HOUR).await });
                respond(200, |mut body| async move {
                    body.write_all(b"done".to_vec()).await;
                })
            }
            _ => respond(404, |_| async {}),
        }
    }
}

/// Sends the request's body to `/echo` of the origin in its query, and passes the response on, both
/// while they are received.
async fn fetch(request: Request) -> Result<Response, ErrorCode> {
    let target = request.get_path_with_query().unwrap_or_default();
    let authority = target.split("origin=").nth(1).unwrap_or_default().to_owned();
    let (_, received) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, received);
    let (sent, _) = Request::new(Fields::new(), Some(contents), trailers, None);
    let is_valid = sent.set_method(&Method::Post).is_ok()
        && sent.set_scheme(Some(&Scheme::Http)).is_ok()
        && sent.set_authority(Some(&authority)).is_ok()
        && sent.set_path_with_query(Some("/echo")).is_ok();
    assert!(is_valid, "{authority}");
    match client::send(sent).await {
        Ok(response) => {
            let (_, received) = wit_future::new(|| Ok(()));
            let (contents, trailers) = Response::consume_body(response, received);
            Ok(Response::new(Fields::new(), Some(contents), trailers).0)
        }
        Err(error) => respond(403, move |mut body| async move {
            body.write_all(format!("{error:?}").into_bytes()).await;
        }),
    }
}

/// Writes to both standard streams, reads the input, and responds with what it found there.
async fn output(mut body: StreamWriter<u8>) {
    for (stream, text) in [
        (false, "first line\nsecond "),
        (true, "an error\n"),
        (false, "\u{1b}[31mline"),
    ] {
        let (mut writer, reader) = wit_stream::new();
        let end = if stream {
            stderr::write_via_stream(reader)
        } else {
            stdout::write_via_stream(reader)
        };
        writer.write_all(text.as_bytes().to_vec()).await;
        drop(writer);
        end.await.unwrap();
    }
    let (input, end) = stdin::read_via_stream();
    let input = input.collect().await;
    end.await.unwrap();
    let environment = environment::get_environment();
    let (arguments, directory) = (environment::get_arguments(), environment::get_initial_cwd());
    let terminal = terminal_stdout::get_terminal_stdout().is_some();
    let found = format!("{input:?} {environment:?} {arguments:?} {directory:?} {terminal}");
    body.write_all(found.into_bytes()).await;
}

/// Returns the longest method, authority and target that a request accepts.
fn longest_parts() -> String {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    let longest = |accepts: &dyn Fn(String) -> bool| {
        let lengths = (0..22).map(|power| 1_usize << power);
        lengths.take_while(|length| accepts("a".repeat(*length))).last()
    };
    let method = longest(&|text| request.set_method(&Method::Other(text)).is_ok());
    let authority = longest(&|text| request.set_authority(Some(&text)).is_ok());
    let target = longest(&|text| request.set_path_with_query(Some(&format!("/{}", &text[1..]))).is_ok());
    format!("{method:?} {authority:?} {target:?}")
}

/// Writes a secret all over its memory and stack, then ends in the way that the path selects.
async fn canary(path: &str) -> Result<Response, ErrorCode> {
    let heap = black_box(CANARY.repeat(64 * 1024));
    let stack = black_box([*CANARY; 1_000]);
    match path {
        "/canary/traps" => panic!("with {} bytes of canary", heap.len() + stack.len() * 32),
        "/canary/loops" => loop {
            black_box(&heap);
        },
        "/canary/exhausts" => {
            let mut blocks = Vec::new();
            loop {
                blocks.push(black_box(CANARY.repeat(8 * 1024)));
            }
        }
        "/canary/sleeps" => monotonic_clock::wait_for(HOUR).await,
        _ => {}
    }
    respond(200, move |mut body| async move {
        body.write_all(black_box(heap)).await;
    })
}

alga_async_guests::export!(Service with_types_in alga_async_guests);

fn main() {}
