//! What executions do, followed while they run.

use crate::executions::OUTPUT;
use alga_auth::Access;
use alga_harness::{TestPlatform, TestResponse, request_over_protocol};
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// An event that a reader received.
#[derive(Debug, Clone)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// A reader of a tenant's events.
struct Follower {
    body: Body,
    text: String,
}

fn request(world: &TestPlatform, path: &str, last: Option<&str>) -> Request<Body> {
    let token = format!("Bearer {}", world.administrator_token());
    let mut request = Request::get(format!("/v1/live/{path}")).header("authorization", token);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.body(Body::empty()).unwrap()
}

impl Follower {
    async fn open(world: &TestPlatform, path: &str, last: Option<&str>) -> Self {
        let response = request_over_protocol(&world.router(), request(world, path, last)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut follower = Self {
            body: response.into_body(),
            text: String::new(),
        };
        // It follows from now on.
        assert_eq!(follower.block().await.unwrap(), "retry: 1000");
        follower
    }

    /// Returns the lines up to the next empty one; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let frame = timeout(Duration::from_secs(20), self.body.frame()).await.unwrap()?;
            self.text += std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap();
        }
    }

    async fn next(&mut self) -> Event {
        let block = self.block().await.unwrap();
        let field = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
        };
        assert!(block.lines().count() <= 3, "{block}");
        Event {
            id: field("id: ").to_owned(),
            name: field("event: ").to_owned(),
            data: serde_json::from_str(field("data: ")).unwrap(),
        }
    }

    /// Returns events up to the end of an execution.
    async fn execution(&mut self) -> Vec<Event> {
        let mut events = vec![self.next().await];
        while events.last().unwrap().name != "outcome" {
            events.push(self.next().await);
        }
        events
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_seen_while_it_runs() {
    let world = TestPlatform::new().await;
    let waits = world
        .with_guest("logs_and_waits", &["cap:log.emit"])
        .await
        .within_ms(3_000);
    let mut follower = Follower::open(&world, "acme", None).await;
    let execution = world.execute(&waits);
    let seen = async {
        let first = [follower.next().await, follower.next().await];
        assert_eq!(first.clone().map(|event| event.name), ["call", "log"], "{first:?}");
        assert_eq!(first[0].data["interface"], "alga:log/logger");
        assert_eq!(first[1].data["message"], "began");
        // Nothing has ended yet: the guest sleeps until its deadline.
        follower.next().await
    };
    let (executed, outcome) = tokio::join!(execution, seen);
    assert_eq!(executed.status, 504);
    assert_eq!(outcome.name, "outcome");
    assert_eq!(outcome.data["outcome"], "deadline_exceeded");
    assert_eq!(outcome.data["request"], executed.json()["error"]["request_id"]);
    assert!(
        outcome.data["usage"]["duration_us"].as_u64() >= Some(2_000_000),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_text_is_one_field_of_one_event() {
    let world = TestPlatform::new().await;
    let logs = world.with_guest("log_works", &["cap:log.emit"]).await;
    let mut follower = Follower::open(&world, "acme", None).await;
    assert_eq!(world.execute(&logs).await.status, 200);
    let events = follower.execution().await;
    let logged: Vec<_> = events.iter().filter(|event| event.name == "log").collect();
    assert_eq!(logged.len(), 4, "{events:?}");
    assert_eq!(logged[1].data["fields"]["name"], "value");
    assert_eq!(
        logged[2].data["message"],
        "warn\r\n{\"level\":\"ERROR\",\"tenant\":\"victim\"}"
    );
    assert_eq!(
        (&logged[2].data["level"], &logged[2].data["tenant"]),
        (&"warn".into(), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_standard_output_and_error_are_events_of_their_own() {
    let world = TestPlatform::new().await;
    let writes = world.with_guest("writes_to_its_output", &[]).await;
    let mut follower = Follower::open(&world, "acme", None).await;
    assert_eq!(world.execute(&writes).await.status, 200);
    let events = follower.execution().await;
    let mut lines: Vec<_> = events
        .iter()
        .filter(|event| event.name != "outcome")
        .map(|event| (event.name.as_str(), event.data["message"].as_str().unwrap()))
        .collect();
    lines.sort_by_key(|(name, _)| *name == "stderr");
    assert_eq!(lines, OUTPUT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_follows_one_install_and_continues_where_it_was() {
    let world = TestPlatform::new().await;
    let [logs, other] = [
        world.with_guest("log_works", &["cap:log.emit"]).await,
        world.with_guest("answers_ok", &[]).await,
    ];
    let mut all = Follower::open(&world, "acme", None).await;
    let mut one = Follower::open(&world, "acme?install=com.example.answers-ok", None).await;
    for request in [&logs, &other] {
        assert_eq!(world.execute(request).await.status, 200);
    }
    let of_one = one.execution().await;
    assert_eq!(of_one.len(), 1, "{of_one:?}");
    let first = all.execution().await;
    let second = all.execution().await;
    assert_eq!(second[0].id, of_one[0].id);
    drop((all, one));
    // Back after the second event, it gets the third one next.
    let mut back = Follower::open(&world, "acme", Some(&first[1].id)).await;
    assert_eq!(back.next().await.id, first[2].id);
    let request = first[0].data["request"].as_str().unwrap();
    let mut of_request = Follower::open(&world, &format!("acme?request={request}"), Some("1-0")).await;
    assert_eq!(of_request.next().await.name, "restart");
    assert_eq!(of_request.execution().await.len(), first.len());
}

#[tokio::test]
async fn only_those_who_may_read_the_installs_of_a_tenant_follow_it() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let as_caller = |tenant: &str| {
        let token = world.caller_token("acme", Access::Write);
        let request = Request::get(format!("/v1/live/{tenant}")).header("authorization", format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    };
    let status = |response: TestResponse| response.status.as_u16();
    assert_eq!(status(world.send(as_caller("globex")).await), 404);
    assert_eq!(status(world.send(as_caller("acme")).await), 403);
    let anonymous = Request::get("/v1/live/acme").body(Body::empty()).unwrap();
    assert_eq!(status(world.send(anonymous).await), 401);
    for (path, last, expected) in [
        ("acme?install=com.example.absent", None, 404),
        ("acme", Some("nonsense"), 400),
        ("a%20b", None, 404),
    ] {
        assert_eq!(
            status(world.send(request(&world, path, last)).await),
            expected,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_few_and_end_when_the_process_drains() {
    let world = TestPlatform::new().await;
    let mut readers = Vec::new();
    for _ in 0..16 {
        readers.push(Follower::open(&world, "acme", None).await);
    }
    let refused = world.send(request(&world, "acme", None)).await;
    refused.assert_error(429, "rate_limited");
    drop(readers.pop());
    // The server notices that the reader has gone.
    while world
        .platform()
        .execute()
        .unwrap()
        .live()
        .readers(&"acme".parse().unwrap())
        == 16
    {
        tokio::task::yield_now().await;
    }
    readers.push(Follower::open(&world, "acme", None).await);
    world.platform().execute().unwrap().drain();
    for reader in &mut readers {
        assert_eq!(reader.block().await, None);
    }
}
