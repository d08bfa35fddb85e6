//! Streams, sleeps, sends requests, and misbehaves, by the path.

use alga_async_guests::exports::wasi::http::handler::Guest;
use alga_async_guests::wasi::clocks::monotonic_clock;
use alga_async_guests::wasi::http::client;
use alga_async_guests::wasi::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use alga_async_guests::wasi::random::random;
use alga_async_guests::{path, respond, respond_with, wit_future, wit_stream};

/// An hour in nanoseconds: longer than any execution.
const HOUR: u64 = 3_600_000_000_000;

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
                let (mut contents, _) = Request::consume_body(request, result);
                respond(201, |mut body| async move {
                    let mut part = Vec::with_capacity(4096);
                    loop {
                        let (status, read) = contents.read(part).await;
                        let left = body.write_all(read).await;
                        if !left.is_empty() || !matches!(status, wit_bindgen::StreamResult::Complete(_)) {
                            return;
                        }
                        part = Vec::with_capacity(4096);
                    }
                })
            }
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
                std::hint::black_box(());
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

alga_async_guests::export!(Service with_types_in alga_async_guests);

fn main() {}
