//! Bodies are streamed in both directions while the guest runs; limits, usage and records hold
//! until the end. Each test runs with a runner in this process and with one over the network.

use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse, request_over_protocol};
use alga_registry_types::{Execution, Install, Page, executions};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tower::ServiceExt;

const NAME: &str = "com.example.streams";

/// The runner of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    InThisProcess,
    OverTheNetwork,
}

const RUNNERS: [Runner; 2] = [Runner::InThisProcess, Runner::OverTheNetwork];

/// Returns the routes of a gateway with this runner.
async fn gateway(world: &TestPlatform, runner: Runner) -> Router {
    match runner {
        Runner::InThisProcess => world.router(),
        Runner::OverTheNetwork => world.remote_gateway().await,
    }
}

fn request(world: &TestPlatform, path: &str, body: Body) -> Request<Body> {
    let token = world.caller_token("acme", Access::Write);
    let request = Request::post(format!("/api/ext/{NAME}{path}")).header("authorization", format!("Bearer {token}"));
    request.body(body).unwrap()
}

/// Sends a request to the guest and returns the response as soon as its head is there.
async fn open(world: &TestPlatform, gateway: &Router, path: &str, body: Body) -> Response<Body> {
    request_over_protocol(gateway, request(world, path, body)).await
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

async fn records(world: &TestPlatform, install: &Install) -> Vec<Execution> {
    world.platform().settle().await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    world.operate(&list).await.ok().executions
}

/// Returns the newest of this many records; waits for an execution that is being cancelled.
async fn record(world: &TestPlatform, install: &Install, count: usize) -> Execution {
    loop {
        let records = records(world, install).await;
        if records.len() == count {
            return records.into_iter().next().unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_while_the_guest_is_still_running() {
    for runner in RUNNERS {
        let world = TestPlatform::new().await;
        world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        let response = open(&world, &gateway, "/events", Body::empty()).await;
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
    for runner in RUNNERS {
        let world = TestPlatform::new().await;
        world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        let (sender, sent) = endless_body().await;
        let mut body = open(&world, &gateway, "/echo", sent).await.into_body();
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
    for runner in RUNNERS {
        let world = TestPlatform::with_settings(&[("pool", "1")]).await;
        let install = world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        let mut body = open(&world, &gateway, "/events-without-end", Body::empty())
            .await
            .into_body();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: 0\n\n");
        assert_eq!(world.get(&format!("{NAME}/events")).await.code(), "rate_limited");
        drop(body);
        let record = record(&world, &install, 1).await;
        assert_eq!(record.code.as_deref(), Some("client_closed"));
        assert!(record.usage.unwrap().host_calls > 0);
        assert_eq!(world.get(&format!("{NAME}/")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_reaches_its_deadline_or_traps_is_interrupted_and_recorded() {
    for runner in RUNNERS {
        let world = TestPlatform::with_settings(&[("gateway_timeout_ms", "1000")]).await;
        let install = world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        // Loads the component, which counts against the deadline.
        while world.get(&format!("{NAME}/")).await.status != 200 {}
        let cases = [("/events-without-end", "deadline_exceeded"), ("/trap", "guest_trapped")];
        for (number, (path, code)) in (1..).zip(cases) {
            let response = open(&world, &gateway, path, Body::empty()).await;
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
            let record = record(&world, &install, number).await;
            assert_eq!(record.code.as_deref(), Some(code), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whose_client_does_not_read_waits_and_buffers_a_bounded_amount() {
    for runner in RUNNERS {
        let world = TestPlatform::with_settings(&[("gateway_timeout_ms", "500")]).await;
        let install = world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        // The guest waits for its request, so that the response is streamed when it writes.
        let (sender, sent) = endless_body().await;
        let response = open(&world, &gateway, "/flood", sent).await;
        drop(sender);
        // Nothing is read until the deadline has passed.
        let record = record(&world, &install, 1).await;
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
        } else if runner == Runner::InThisProcess {
            256 * 1024
        } else {
            1024 * 1024
        };
        assert!(received <= most, "{runner:?}: {received}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_or_too_large_request_body_is_the_clients_fault() {
    for runner in RUNNERS {
        let world = TestPlatform::new().await;
        let install = world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
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
            let response = gateway.clone().oneshot(request(&world, "/echo", body)).await.unwrap();
            let is_refused = response.status() == status;
            // The guest may already have begun its response, which is then interrupted.
            let is_interrupted = response.into_body().collect().await.is_err();
            assert!(is_refused || is_interrupted, "{runner:?}: {code}");
            // A runner over the network may not have seen the request at all.
            if runner == Runner::InThisProcess {
                let record = record(&world, &install, number).await;
                assert_eq!(record.code.as_deref(), Some(code));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_after_a_complete_response_continues_and_is_logged() {
    for runner in RUNNERS {
        let world = TestPlatform::new().await;
        let install = world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        let response = open(&world, &gateway, "/log-after", Body::empty()).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        let record = record(&world, &install, 1).await;
        assert_eq!(
            (record.status, record.log[0].message.as_str()),
            (Some(200), "after its response")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_byte_of_a_declared_length_completes_a_response() {
    for runner in RUNNERS {
        let world = TestPlatform::new().await;
        let install = world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        let mut body = open(&world, &gateway, "/declared", Body::empty()).await.into_body();
        assert_eq!(body.size_hint().exact(), Some(4), "{runner:?}");
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "four");
        // As a server for HTTP/1.1 does, which reads no further.
        drop(body);
        let record = record(&world, &install, 1).await;
        assert_eq!(
            (record.status, record.log[0].message.as_str()),
            (Some(200), "after its response"),
            "{runner:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_never_receives_an_interrupted_response_as_a_complete_one() {
    for runner in RUNNERS {
        let world = TestPlatform::new().await;
        world.install_guest("streams", &[]).await;
        let gateway = gateway(&world, runner).await;
        for (path, status) in [("/events", 200), ("/trap", 502)] {
            let token = world.caller_token("acme", Access::Write);
            let request = Request::get(format!("/api/ext/{NAME}{path}"))
                .version(Version::HTTP_10)
                .header("authorization", format!("Bearer {token}"));
            let response = gateway.clone().oneshot(request.body(Body::empty()).unwrap()).await;
            let response = response.unwrap();
            assert_eq!(response.status(), status, "{runner:?} {path}");
            assert!(response.into_body().size_hint().exact().is_some(), "{runner:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_streamed_response_is_collected_for_v1_execute_and_for_head() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("streams", &[]).await;
    let request = world.request_for(&install).on("GET", "/events");
    let events = "data: 0\n\ndata: 1\n\ndata: 2\n\n";
    assert_eq!(world.execute(&request).await.guest_body(), events);
    let head: TestResponse = world.call("acme", "HEAD", &format!("{NAME}/events"), "").await;
    assert_eq!(head.status, 200);
}
