//! `bench execute`: the runner, compared with (a) a bare handler that reads and returns the same
//! JSON and (b) the call without HTTP.

use crate::figures::{Figures, Target};
use crate::load::{Measured, from_another_process, on_core};
use alga_bundle::Digest;
use alga_capabilities::{GrantSet, Identity, Permit, Trigger};
use alga_execute::{OneOrMany, Usage, WireReply, WireRequest, measuring};
use alga_harness::{ExecuteRequest, Release, TestPlatform, component, root};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

pub(crate) const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
/// Response of the guest in base64, as both servers send it.
pub(crate) const RESPONSE: &str = "eyJtZXNzYWdlIjoiSGVsbG8sIHlvdSEifQ==";

/// Number of rounds. Both sides are measured alternately, because other load on the machine would
/// otherwise count against one of them only.
const ROUNDS: usize = 5;

struct Round {
    bare: Measured,
    runner: Measured,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.runner.requests_per_second / self.bare.requests_per_second
    }
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        // Everything except the load test is the same in every round; the last round's figures are
        // used.
        let mut beside = Figures::default();
        let bare = measure_bare(seconds);
        let runner = measure_runner(seconds, &mut beside);
        rounds.push(Round { bare, runner });
        if rounds.len() == ROUNDS {
            figures.append(beside);
        }
    }
    add_turn(figures);
    rounds.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    let Round { bare, runner } = &rounds[ROUNDS / 2];
    for (name, value, unit) in [
        (
            "bare handler, requests per second per core",
            bare.requests_per_second,
            "1/s",
        ),
        ("bare handler, p50", bare.p50_us, "us"),
        ("bare handler, p99", bare.p99_us, "us"),
        (
            "execute, requests per second per core",
            runner.requests_per_second,
            "1/s",
        ),
        ("execute, p50 (32 connections)", runner.p50_us, "us"),
        ("execute, p99 (32 connections)", runner.p99_us, "us"),
        ("execute / bare handler, lowest of 5 rounds", rounds[0].ratio(), "ratio"),
        (
            "execute / bare handler, highest of 5 rounds",
            rounds[ROUNDS - 1].ratio(),
            "ratio",
        ),
    ] {
        figures.add(name, value, unit, Target::None);
    }
    figures.add(
        "execute / bare handler, median of 5 rounds",
        rounds[ROUNDS / 2].ratio(),
        "ratio",
        Target::AtLeast(0.2),
    );
}

/// Measures what sharing the processors costs an execution while no one competes for them. An
/// execution that does not wait for anything has one turn.
fn add_turn(figures: &mut Figures) {
    let rounds = 1_000_000;
    let turn = on_core(SERVER_CORE, async move || measuring::turn(rounds).await);
    let turn_us = turn.join().unwrap().as_secs_f64() * 1e6;
    let execution_us = figures.value("store + instantiate + call, p50");
    figures.add("a turn without competition", turn_us, "us", Target::AtMost(1.0));
    let decisions = on_core(SERVER_CORE, async || {
        [1, 1_000, 100_000].map(|tenants| measuring::decision(tenants, 1_000_000).as_secs_f64() * 1e6)
    });
    let [one, thousand, many] = decisions.join().unwrap();
    figures.add("a decision, one tenant waits", one, "us", Target::AtMost(1.0));
    figures.add("a decision, 1 000 tenants wait", thousand, "us", Target::AtMost(1.0));
    figures.add("a decision, 100 000 tenants wait", many, "us", Target::None);
    let share = turn_us / execution_us;
    figures.add(
        "the same / store + instantiate + call",
        share,
        "ratio",
        Target::AtMost(0.03),
    );
}

/// Returns a request for the hello extension on this platform.
pub(crate) async fn hello(world: &TestPlatform) -> ExecuteRequest {
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(root().join("examples/hello/manifest.json")).unwrap()).unwrap();
    let release = Release::new(world.key(), &manifest, &component("hello"));
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await;
    world
        .request_for(&install.ok())
        .on("GET", "/hello/you")
        .within_ms(5_000)
}

pub(crate) fn http_request(world: &TestPlatform, request: &ExecuteRequest) -> Vec<u8> {
    let body = request.body.to_string();
    format!(
        "POST /v1/execute HTTP/1.1\r\nhost: runner\r\nauthorization: Bearer {}\r\nx-alga-tenant: {}\r\nx-alga-extension: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        world.token_for(request).unwrap_or_default(),
        request.tenant,
        request.extension,
        body.len(),
    )
    .into_bytes()
}

fn runner_world() -> impl Future<Output = TestPlatform> {
    // Capacity for all 32 connections within one install's share.
    TestPlatform::with_settings(&[("pool", "512")])
}

/// Measures the bare handler (a): it responds to the same request with the same JSON, without
/// executing anything. The platform that creates the request is dropped before the measurement.
fn measure_bare(seconds: u64) -> Measured {
    let prepared = on_core(SERVER_CORE, async || {
        let world = runner_world().await;
        http_request(&world, &hello(&world).await)
    });
    let request = prepared.join().unwrap();
    let (sender, address) = mpsc::channel();
    on_core(SERVER_CORE, async move || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sender.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(bare))
                    .await
                    .ok();
            });
        }
    });
    let address: SocketAddr = address.recv().unwrap();
    from_another_process(LOAD_CORE, seconds, address, &request, RESPONSE)
}

async fn bare(request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let wire: WireRequest<'_> = serde_json::from_slice(&body).unwrap();
    let reply = WireReply {
        headers_b64: Vec::new(),
        status: 200,
        headers: vec![("content-type".into(), OneOrMany::One("application/json".into()))],
        body_b64: Some(RESPONSE.into()),
        error: None,
        usage: Usage::default(),
        request_id: wire.context.tenant_id.clone(),
    };
    let json = serde_json::to_vec(&reply).unwrap();
    Ok(hyper::Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(json.into()))
        .unwrap())
}

/// Measures the runner with every protection enabled; before the load test, the cold start and (b)
/// on the same core.
fn measure_runner(seconds: u64, figures: &mut Figures) -> Measured {
    let (sender, ready) = mpsc::channel();
    let (finish, finished) = tokio::sync::oneshot::channel();
    let server = on_core(SERVER_CORE, async move || {
        let world = runner_world().await;
        let request = hello(&world).await;
        let world = world.restart().await;
        let cold = first_request(&world, &request).await;
        let (p50, p99) = invoke_without_http(&world, &request).await;
        for _ in 0..1_000 {
            world.execute(&request).await;
        }
        let compilations = world.platform().execute().unwrap().loader().compilations();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        sender.send((address, http_request(&world, &request))).unwrap();
        let stop = async { finished.await.unwrap_or_default() };
        alga_server::serve(listener, world.router(), alga_server::ServeLimits::default(), stop)
            .await
            .unwrap();
        (cold, p50, p99, compilations)
    });
    let (address, request) = ready.recv().unwrap();
    let measured = from_another_process(LOAD_CORE, seconds, address, &request, RESPONSE);
    finish.send(()).unwrap();
    let (cold, p50, p99, compilations) = server.join().unwrap();
    figures.add(
        "first request from the machine-code cache",
        cold.as_secs_f64() * 1000.0,
        "ms",
        Target::AtMost(10.0),
    );
    figures.add(
        "compilations in the runner for 1000 requests",
        compilations as f64,
        "",
        Target::AtMost(1.0),
    );
    figures.add("store + instantiate + call, p50", p50, "us", Target::AtMost(35.0));
    figures.add("store + instantiate + call, p99", p99, "us", Target::None);
    measured
}

async fn first_request(world: &TestPlatform, request: &ExecuteRequest) -> Duration {
    let started = Instant::now();
    let response = world.execute(request).await;
    let spent = started.elapsed();
    assert_eq!(response.status, 200, "{}", response.text());
    spent
}

/// Measures the call without HTTP (b).
pub(crate) async fn invoke_without_http(world: &TestPlatform, request: &ExecuteRequest) -> (f64, f64) {
    let context = &request.body["context"];
    let text = |name: &str| context[name].as_str().unwrap().to_owned();
    let content_hash: Digest = text("content_hash").parse().unwrap();
    let permit = || {
        Arc::new(Permit {
            identity: Identity {
                request: "r-1".parse().unwrap(),
                tenant: text("tenant_id").parse().unwrap(),
                extension: text("extension_id").parse().unwrap(),
                install: text("install_id").parse().unwrap(),
                version: None,
            },
            trigger: Trigger::Http,
            config: Arc::new(BTreeMap::new()),
            user: None,
            grants: GrantSet::defaults(),
            egress: Arc::default(),
            memory_bytes: 64 * 1024 * 1024,
            deadline: Instant::now() + Duration::from_secs(5),
        })
    };
    let mut latencies = Vec::new();
    for round in 0..22_000 {
        let permit = permit();
        let started = Instant::now();
        let status = measuring::invoke_once(world.platform().execute().unwrap(), content_hash, &permit).await;
        let spent = started.elapsed();
        assert_eq!(status, Some(200));
        if round >= 2_000 {
            latencies.push(spent.as_nanos() as u64);
        }
    }
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
    (at(0.5), at(0.99))
}
