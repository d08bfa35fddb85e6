//! Streams, sleeps, sends requests, and misbehaves, by the path.

use alga_async_guests::exports::wasi::http::handler::Guest;
use alga_async_guests::wasi::clocks::monotonic_clock;
use alga_async_guests::wasi::http::client;
use alga_async_guests::wasi::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use alga_async_guests::wasi::random::random;
use alga_async_guests::{path, respond, wit_future, wit_stream};

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
            "/fetch" => fetch(request.get_headers()).await,
            "/error" => Err(ErrorCode::InternalError(Some("the guest's reason".to_owned()))),
            "/never" => {
                std::future::pending::<()>().await;
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
            "/tasks" => {
                for _ in 0..100_000 {
                    wit_bindgen::spawn_local(async { monotonic_clock::wait_for(1_000_000_000).await });
                }
                respond(200, |_| async {})
            }
            "/half" => respond(200, |mut body| async move {
                body.write_all(b"half".to_vec()).await;
                panic!("after half of the response");
            }),
            "/background" => {
                wit_bindgen::spawn_local(async { monotonic_clock::wait_for(3_600_000_000_000).await });
                respond(200, |mut body| async move {
                    body.write_all(b"done".to_vec()).await;
                })
            }
            _ => respond(404, |_| async {}),
        }
    }
}

/// Sends a request to the origin in `x-ext-origin`, and passes its response on.
async fn fetch(headers: Fields) -> Result<Response, ErrorCode> {
    let origin = headers.get("x-ext-origin").into_iter().next().unwrap_or_default();
    let origin = String::from_utf8_lossy(&origin).into_owned();
    let authority = origin.trim_start_matches("http://").to_owned();
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (sent, _) = Request::new(Fields::new(), None, no_trailers, None);
    sent.set_scheme(Some(&Scheme::Http)).ok();
    sent.set_authority(Some(&authority)).ok();
    sent.set_path_with_query(Some("/echo")).ok();
    match client::send(sent).await {
        Ok(response) => {
            let status = response.get_status_code();
            respond(200, move |mut body| async move {
                body.write_all(format!("{status}").into_bytes()).await;
            })
        }
        Err(error) => respond(200, move |mut body| async move {
            body.write_all(format!("{error:?}").into_bytes()).await;
        }),
    }
}

alga_async_guests::export!(Service with_types_in alga_async_guests);

fn main() {}
