//! Bodies are streamed in both directions while the guest runs; limits, usage and records hold
//! until the end.

use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse};
use alga_registry_types::{Execution, Install, Page, executions};
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tower::ServiceExt;

const NAME: &str = "com.example.streams";

/// Sends a request to the guest and returns the response as soon as its head is there.
async fn open(world: &TestPlatform, path: &str, body: Body) -> Response<Body> {
    let token = world.caller_token("acme", Access::Write);
    let request = Request::post(format!("/api/ext/{NAME}{path}")).header("authorization", format!("Bearer {token}"));
    world.router().oneshot(request.body(body).unwrap()).await.unwrap()
}

/// Returns the next part of a body; none at its end, and an error if it was interrupted.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    let frame = tokio::time::timeout(Duration::from_secs(10), body.frame())
        .await
        .unwrap();
    frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

async fn records(world: &TestPlatform, install: &Install) -> Vec<Execution> {
    world.platform().executions().unwrap().flush().await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    world.operate(&list).await.ok().executions
}

/// Returns the first record of an install; waits for an execution that is being cancelled.
async fn first_record(world: &TestPlatform, install: &Install) -> Execution {
    loop {
        if let Some(record) = records(world, install).await.into_iter().next() {
            return record;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_arrives_while_the_guest_is_still_running() {
    let world = TestPlatform::new().await;
    world.install_guest("streams", &[]).await;
    let response = open(&world, "/events", Body::empty()).await;
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
    assert!(next(&mut body).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_body_is_read_by_the_guest_while_the_client_sends_it() {
    let world = TestPlatform::new().await;
    world.install_guest("streams", &[]).await;
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let sent = futures_util::stream::poll_fn(move |context| {
        let polled = receiver.poll_recv(context);
        polled.map(|bytes| bytes.map(Ok::<_, Infallible>))
    });
    // More than what is received before an execution starts.
    let first = Bytes::from(vec![b'a'; 65 * 1024]);
    sender.send(first.clone()).await.unwrap();
    let mut body = open(&world, "/echo", Body::from_stream(sent)).await.into_body();
    let mut received = 0;
    while received < first.len() {
        received += next(&mut body).await.unwrap().unwrap().len();
    }
    sender.send(Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "second");
    drop(sender);
    assert!(next(&mut body).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_the_guest_and_releases_its_permit() {
    let world = TestPlatform::with_settings(&[("pool", "1")]).await;
    let install = world.install_guest("streams", &[]).await;
    let mut body = open(&world, "/events-without-end", Body::empty()).await.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: 0\n\n");
    assert_eq!(world.get(&format!("{NAME}/events")).await.code(), "rate_limited");
    drop(body);
    let record = first_record(&world, &install).await;
    assert_eq!(record.code.as_deref(), Some("client_closed"));
    assert!(record.usage.unwrap().host_calls > 0);
    assert_eq!(world.get(&format!("{NAME}/")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_reaches_its_deadline_or_traps_is_interrupted_and_recorded() {
    let world = TestPlatform::with_settings(&[("gateway_timeout_ms", "200")]).await;
    let install = world.install_guest("streams", &[]).await;
    for (path, code) in [("/events-without-end", "deadline_exceeded"), ("/trap", "guest_trapped")] {
        let mut body = open(&world, path, Body::empty()).await.into_body();
        let interrupted = loop {
            match next(&mut body).await {
                Some(Ok(_)) => {}
                other => break other,
            }
        };
        assert!(
            interrupted.unwrap().is_err(),
            "{path}: the end of the body is not reported"
        );
        let records = records(&world, &install).await;
        assert_eq!(records[0].code.as_deref(), Some(code), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whose_client_does_not_read_waits_and_buffers_a_bounded_amount() {
    let world = TestPlatform::with_settings(&[("gateway_timeout_ms", "300")]).await;
    let install = world.install_guest("streams", &[]).await;
    let response = open(&world, "/flood", Body::empty()).await;
    // Nothing is read until the deadline has passed.
    let record = first_record(&world, &install).await;
    assert_eq!(record.code.as_deref(), Some("deadline_exceeded"));
    let usage = record.usage.unwrap();
    assert!(usage.cpu_us < 150_000, "it waited: {usage:?}");
    let mut body = response.into_body();
    let mut received = 0;
    while let Some(Ok(bytes)) = next(&mut body).await {
        received += bytes.len();
    }
    assert!(received <= 256 * 1024, "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_or_too_large_request_body_is_the_clients_fault() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("streams", &[]).await;
    let chunk = || Ok(Bytes::from(vec![b'a'; 64 * 1024]));
    let broken = [chunk(), chunk(), Err(std::io::Error::other("connection reset"))];
    let mut too_large: Vec<Result<Bytes, std::io::Error>> = (0..161).map(|_| chunk()).collect();
    too_large.push(Ok(Bytes::new()));
    for (body, code) in [
        (Body::from_stream(futures_util::stream::iter(broken)), "bad_request"),
        (
            Body::from_stream(futures_util::stream::iter(too_large)),
            "payload_too_large",
        ),
    ] {
        let response = open(&world, "/echo", body).await;
        // The guest may already have written a part of its response.
        response.into_body().collect().await.ok();
        assert_eq!(records(&world, &install).await[0].code.as_deref(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_after_a_complete_response_continues_and_is_logged() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("streams", &[]).await;
    let response = open(&world, "/log-after", Body::empty()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    let record = first_record(&world, &install).await;
    assert_eq!(
        (record.status, record.log[0].message.as_str()),
        (Some(200), "after its response")
    );
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
