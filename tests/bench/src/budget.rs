//! `bench budget`: where the time of a request to `/v1/http` goes, by stages whose sum is the time
//! of a request: each is measured on its own, and what none of them accounts for is a stage too.

use crate::execute::invoke_without_http;
use crate::figures::{Figures, Target};
use crate::load::from_another_process;
use crate::servers::{Alga, BODY, Load, bare, http_token};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use std::time::Instant;
use tower::ServiceExt;

const LOAD_CORE: usize = 1;
const ROUNDS: usize = 5;
/// Requests of a measurement in process; the first tenth warms up.
const REQUESTS: usize = 22_000;

/// Microseconds of a request, by stage.
#[derive(Clone, Copy)]
struct Stages {
    /// A request over a socket to a handler that does nothing.
    protocol: f64,
    /// Routes, authentication, admission, limits, metrics and records.
    platform: f64,
    /// A store, an instance and the call of the component, with its host calls.
    execution: f64,
    /// A request over a socket to `/v1/http`.
    total: f64,
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let rounds: Vec<Stages> = (0..ROUNDS).map(|_| round(seconds)).collect();
    let median = |of: &dyn Fn(&Stages) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let (protocol, platform) = (median(&|stages| stages.protocol), median(&|stages| stages.platform));
    let (execution, total) = (median(&|stages| stages.execution), median(&|stages| stages.total));
    for (name, time) in [
        ("socket and HTTP/1.1 (the native handler)", protocol),
        ("routes, authentication, admission, metrics, records", platform),
        ("store, instance and call of the component", execution),
        (
            "beside: caches and scheduling of all stages together",
            total - protocol - platform - execution,
        ),
        ("a request to /v1/http", total),
    ] {
        figures.add(name, time, "us", Target::None);
    }
}

fn round(seconds: u64) -> Stages {
    let load = |(address, request): &Load| {
        let measured = from_another_process(LOAD_CORE, seconds, *address, request, BODY);
        1e6 / measured.requests_per_second
    };
    let protocol = load(&bare());
    let (alga, (in_process, execution)) = Alga::start_after(async |world, install| {
        let in_process = in_process(&world.router(), &http_token(world, install)).await;
        let (execution, _) = invoke_without_http(world, &world.request_for(install)).await;
        (in_process, execution)
    });
    let total = load(&alga.http);
    drop(alga);
    Stages {
        protocol,
        platform: in_process - execution,
        execution,
        total,
    }
}

/// Returns the median time of a request without a socket.
async fn in_process(router: &Router, token: &str) -> f64 {
    let authorization = format!("Bearer {token}");
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let request = Request::get("/v1/http/")
            .header("host", "bench")
            .header("authorization", &authorization);
        let request = request.body(Body::empty()).unwrap();
        let started = Instant::now();
        let response = router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 16).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e6);
        assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
    }
    let mut times = times.split_off(REQUESTS / 11);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
