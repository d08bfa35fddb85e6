//! Bodies are streamed in both directions while the guest runs; limits, usage and records hold
//! until the end. Each test runs with guests of WASI 0.2 and 0.3, with a runner in this process and
//! with one over the network.

use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse, request_over_protocol};
use alga_registry_types::{Execution, Install, Page, executions};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::request::Builder;
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tower::ServiceExt;

/// The runner of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    InThisProcess,
    OverTheNetwork,
}

/// A guest and the runner that executes it.
#[derive(Debug, Clone, Copy)]
struct Case {
    guest: &'static str,
    runner: Runner,
}

const CASES: [Case; 4] = [
    case("streams", Runner::InThisProcess),
    case("streams", Runner::OverTheNetwork),
    case("streams_in_wasi_0_3", Runner::InThisProcess),
    case("streams_in_wasi_0_3", Runner::OverTheNetwork),
];

const fn case(guest: &'static str, runner: Runner) -> Case {
    Case { guest, runner }
}

/// The installed guest of a case.
struct Streams {
    world: TestPlatform,
    install: Install,
    gateway: Router,
    name: String,
}

impl Streams {
    async fn start(case: Case, settings: &[(&str, &str)]) -> Self {
        let is_async = case.guest.ends_with("wasi_0_3").to_string();
        let settings = [settings, &[("wasi_0_3", &is_async)]].concat();
        let world = TestPlatform::with_settings(&settings).await;
        let install = world.install_guest(case.guest, &[]).await;
        let gateway = match case.runner {
            Runner::InThisProcess => world.router(),
            Runner::OverTheNetwork => world.remote_gateway().await,
        };
        Self {
            world,
            install,
            gateway,
            name: format!("com.example.{}", case.guest.replace('_', "-")),
        }
    }

    fn request(&self, method: Method, path: &str) -> Builder {
        let token = self.world.caller_token("acme", Access::Write);
        let request = Request::builder().method(method);
        let request = request.uri(format!("/api/ext/{}{path}", self.name));
        request.header("authorization", format!("Bearer {token}"))
    }

    /// Sends a request to the guest and returns the response as soon as its head is there.
    async fn open(&self, path: &str, body: Body) -> Response<Body> {
        let request = self.request(Method::POST, path).body(body).unwrap();
        request_over_protocol(&self.gateway, request).await
    }

    async fn get(&self, path: &str) -> TestResponse {
        self.world.get(&format!("{}{path}", self.name)).await
    }

    /// Sends a request without a connection.
    async fn send_in_process(&self, request: Request<Body>) -> Response<Body> {
        self.gateway.clone().oneshot(request).await.unwrap()
    }

    async fn records(&self) -> Vec<Execution> {
        self.world.platform().settle().await;
        let list = executions(&self.install.tenant_id, self.install.id.as_str(), &Page::default());
        self.world.operate(&list).await.ok().executions
    }

    /// Returns the newest of this many records; waits for an execution that is being cancelled.
    async fn record(&self, count: usize) -> Execution {
        loop {
            let records = self.records().await;
            if records.len() == count {
                return records.into_iter().next().unwrap();
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Bytes of a body that has begun: more than what is received before an execution starts.
const FIRST_BYTES: usize = 65 * 1024;

/// Returns a body that has begun, and the sender of its other parts; it ends when that is dropped.
async fn endless_body() -> (mpsc::Sender<Bytes>, Body) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    sender.send(Bytes::from(vec![b'a'; FIRST_BYTES])).await.unwrap();
    let parts = futures_util::stream::poll_fn(move |context| {
        let polled = receiver.poll_recv(context);
        polled.map(|bytes| bytes.map(Ok::<_, Infallible>))
    });
    (sender, Body::from_stream(parts))
}

/// Returns the next part of a body; none at its end, and an error if it was interrupted.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame())
            .await
            .unwrap()?;
        let data = frame.map(|frame| frame.into_data().unwrap());
        // HTTP/2 may end a body with an empty frame.
        if !data.as_ref().is_ok_and(Bytes::is_empty) {
            return Some(data);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_while_the_guest_is_still_running() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        let response = streams.open("/events", Body::empty()).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-length"));
        assert!(
            !response.headers().contains_key("server-timing"),
            "the usage is not known yet"
        );
        let mut body = response.into_body();
        for number in 0..3 {
            assert_eq!(next(&mut body).await.unwrap().unwrap(), format!("data: {number}\n\n"));
        }
        let end = next(&mut body).await;
        assert!(end.is_none(), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_body_is_read_by_the_guest_while_the_client_sends_it() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        let (sender, sent) = endless_body().await;
        let mut body = streams.open("/echo", sent).await.into_body();
        let mut received = 0;
        while received < FIRST_BYTES {
            received += next(&mut body).await.unwrap().unwrap().len();
        }
        sender.send(Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "second");
        drop(sender);
        let end = next(&mut body).await;
        assert!(end.is_none(), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_the_guest_and_releases_its_permit() {
    for case in CASES {
        let streams = Streams::start(case, &[("pool", "1")]).await;
        let mut body = streams.open("/events-without-end", Body::empty()).await.into_body();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: 0\n\n");
        assert_eq!(streams.get("/events").await.code(), "rate_limited");
        drop(body);
        let record = streams.record(1).await;
        assert_eq!(record.code.as_deref(), Some("client_closed"));
        assert!(record.usage.unwrap().host_calls > 0);
        assert_eq!(streams.get("/").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_reaches_its_deadline_or_traps_is_interrupted_and_recorded() {
    for case in CASES {
        let streams = Streams::start(case, &[("gateway_timeout_ms", "1000")]).await;
        // Loads the component, which counts against the deadline.
        while streams.get("/").await.status != 200 {}
        let cases = [("/events-without-end", "deadline_exceeded"), ("/trap", "guest_trapped")];
        for (number, (path, code)) in (1..).zip(cases) {
            let response = streams.open(path, Body::empty()).await;
            // On a busy host, the guest may fail before its head is sent.
            let is_refused = response.status() != 200;
            let mut body = response.into_body();
            let end = loop {
                match next(&mut body).await {
                    Some(Ok(_)) => {}
                    other => break other,
                }
            };
            let is_interrupted = end.is_some_and(|end| end.is_err());
            assert!(
                is_refused || is_interrupted,
                "{path}: the end of the body is not reported"
            );
            let record = streams.record(number).await;
            assert_eq!(record.code.as_deref(), Some(code), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whose_client_does_not_read_waits_and_buffers_a_bounded_amount() {
    for case in CASES {
        let streams = Streams::start(case, &[("gateway_timeout_ms", "500")]).await;
        // The guest waits for its request, so that the response is streamed when it writes.
        let (sender, sent) = endless_body().await;
        let response = streams.open("/flood", sent).await;
        drop(sender);
        // Nothing is read until the deadline has passed.
        let record = streams.record(1).await;
        assert_eq!(record.code.as_deref(), Some("deadline_exceeded"));
        let usage = record.usage.unwrap();
        // One that does not wait makes as many calls as it may: 100 000.
        assert!(usage.host_calls < 10_000, "it waited: {usage:?}");
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(Ok(bytes)) = next(&mut body).await {
            received += bytes.len();
        }
        let most = if std::env::var_os("ALGA_TEST_PROTOCOL").is_some() {
            // The kernel's buffers of a connection on loopback: 4 MiB to send and 6 MiB to receive.
            11 * 1024 * 1024
        } else if case.runner == Runner::InThisProcess {
            256 * 1024
        } else {
            1024 * 1024
        };
        assert!(received <= most, "{case:?}: {received}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_or_too_large_request_body_is_the_clients_fault() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        let chunk = || Ok(Bytes::from(vec![b'a'; 64 * 1024]));
        let broken = [chunk(), chunk(), Err(std::io::Error::other("connection reset"))];
        let mut too_large: Vec<Result<Bytes, std::io::Error>> = (0..161).map(|_| chunk()).collect();
        too_large.push(Ok(Bytes::new()));
        let (broken, too_large) = (
            Body::from_stream(futures_util::stream::iter(broken)),
            Body::from_stream(futures_util::stream::iter(too_large)),
        );
        let cases = [(broken, "bad_request", 400), (too_large, "payload_too_large", 413)];
        for (number, (body, code, status)) in (1..).zip(cases) {
            // In process: a client on a socket may fail before it reads a response.
            let response = streams
                .send_in_process(streams.request(Method::POST, "/echo").body(body).unwrap())
                .await;
            let is_refused = response.status() == status;
            // The guest may already have begun its response, which is then interrupted.
            let is_interrupted = response.into_body().collect().await.is_err();
            assert!(is_refused || is_interrupted, "{case:?}: {code}");
            // A runner over the network may not have seen the request at all.
            if case.runner == Runner::InThisProcess {
                let record = streams.record(number).await;
                assert_eq!(record.code.as_deref(), Some(code));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_after_a_complete_response_continues_and_is_logged() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        let response = streams.open("/log-after", Body::empty()).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        let record = streams.record(1).await;
        assert_eq!(
            (record.status, record.log[0].message.as_str()),
            (Some(200), "after its response")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_after_a_complete_response_leaves_it_complete_and_is_noted() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        let response = streams.open("/trap-after", Body::empty()).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "data: 0\n\n", "{case:?}");
        let record = streams.record(1).await;
        let note = &record.log.last().unwrap().message;
        assert_eq!(record.status, Some(200), "{case:?}");
        assert!(note.contains("after its response was complete"), "{case:?}: {note}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_byte_of_a_declared_length_completes_a_response() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        let mut body = streams.open("/declared", Body::empty()).await.into_body();
        assert_eq!(body.size_hint().exact(), Some(4), "{case:?}");
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "four");
        // As a server for HTTP/1.1 does, which reads no further.
        drop(body);
        let record = streams.record(1).await;
        assert_eq!(
            (record.status, record.log[0].message.as_str()),
            (Some(200), "after its response"),
            "{case:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_never_receives_an_interrupted_response_as_a_complete_one() {
    for case in CASES {
        let streams = Streams::start(case, &[]).await;
        for (path, status) in [("/events", 200), ("/trap", 502)] {
            let request = streams.request(Method::GET, path).version(Version::HTTP_10);
            let response = streams.send_in_process(request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), status, "{case:?} {path}");
            assert!(response.into_body().size_hint().exact().is_some(), "{case:?} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_response_is_collected_for_v1_execute_and_for_head() {
    for case in CASES {
        let Streams {
            world, install, name, ..
        } = Streams::start(case, &[]).await;
        let request = world.request_for(&install).on("GET", "/events");
        let events = "data: 0\n\ndata: 1\n\ndata: 2\n\n";
        assert_eq!(world.execute(&request).await.guest_body(), events);
        let head = world.call("acme", "HEAD", &format!("{name}/events"), "").await;
        assert_eq!(head.status, 200);
    }
}
