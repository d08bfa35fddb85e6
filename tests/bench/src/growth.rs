//! `bench growth`: how latency and memory of a whole platform grow with installs, tenants, the
//! size of bodies, capabilities and log volume. Requests are sent to the gateway in process, one
//! after the other.

use crate::connections::resident_kib;
use crate::figures::{Figures, Target};
use alga_auth::Access;
use alga_harness::{Release, TestPlatform, component};
use axum::body::{Body, to_bytes};
use http::Request;
use std::time::Instant;
use tower::ServiceExt;

/// Requests of each measurement.
const REQUESTS: usize = 2_000;
const LARGEST_RESPONSE: usize = 16 << 20;
const MANY: [usize; 4] = [1, 10, 100, 1_000];
/// Capabilities that need nothing but a grant.
const CAPABILITIES: [&str; 8] = [
    "cap:log.emit",
    "cap:context.read",
    "cap:storage.kv",
    "cap:metrics.emit",
    "cap:user.read",
    "cap:secrets.get",
    "cap:secrets.reveal",
    "cap:http.fetch",
];

/// What grows, and the units in which it does.
pub(crate) const SERIES: [(&str, &str); 5] = [
    (INSTALLS, "extensions"),
    (TENANTS, "tenants"),
    (BODY, "bytes"),
    (GRANTS, "capabilities"),
    (LOG, "lines"),
];
const INSTALLS: &str = "installs of one tenant";
const TENANTS: &str = "tenants of one extension";
const BODY: &str = "body in both directions";
const GRANTS: &str = "capabilities granted";
const LOG: &str = "log lines of each request";

pub(crate) fn run(figures: &mut Figures) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for many in &MANY[..3] {
            installs(figures, *many).await;
        }
        for many in MANY {
            tenants(figures, many).await;
        }
        for size in [0, 1_000, 10_000, 100_000, 1_000_000] {
            bodies(figures, size).await;
        }
        for count in [0, 2, 4, 8] {
            capabilities(figures, count).await;
        }
        for lines in [0, 10, 100, 1_000] {
            log_lines(figures, lines).await;
        }
    });
}

async fn platform() -> TestPlatform {
    TestPlatform::with_settings(&[("pool", "256"), ("gateway_requests_per_second", "1000000")]).await
}

fn name(number: usize) -> String {
    format!("com.example.growth-{number}")
}

/// Requests that are sent in turn.
struct Caller {
    tenant: String,
    target: String,
}

impl Caller {
    fn of(tenant: &str, extension: &str, path: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            target: format!("/api/ext/{extension}/{path}"),
        }
    }
}

async fn installs(figures: &mut Figures, many: usize) {
    let world = platform().await;
    let mut callers = Vec::new();
    for number in 0..many {
        let mut component = component("answers_ok");
        // Bundles differ in their last custom section.
        component.extend([0, 3, 1, b'n', u8::try_from(number).unwrap()]);
        let release = Release::new(world.key(), &Release::manifest(&name(number), "1.0.0", &[]), &component);
        world.publish(&release).await;
        world.install("acme", &release, &[]).await.ok();
        callers.push(Caller::of("acme", &name(number), ""));
    }
    measure(figures, INSTALLS, many, &world, &callers, 0).await;
}

async fn tenants(figures: &mut Figures, many: usize) {
    let world = platform().await;
    let release = world.release(&name(0), "1.0.0", "answers_ok");
    world.publish(&release).await;
    let mut callers = Vec::new();
    for number in 0..many {
        let tenant = format!("tenant-{number}");
        world.install(&tenant, &release, &[]).await.ok();
        callers.push(Caller::of(&tenant, &name(0), ""));
    }
    measure(figures, TENANTS, many, &world, &callers, 0).await;
}

async fn bodies(figures: &mut Figures, size: usize) {
    let world = platform().await;
    world.install_guest("echoes", &[]).await;
    let caller = Caller::of("acme", "com.example.echoes", "");
    measure(figures, BODY, size, &world, &[caller], size).await;
}

async fn capabilities(figures: &mut Figures, count: usize) {
    let world = platform().await;
    world.install_guest("answers_ok", &CAPABILITIES[..count]).await;
    let caller = Caller::of("acme", "com.example.answers-ok", "");
    measure(figures, GRANTS, count, &world, &[caller], 0).await;
}

async fn log_lines(figures: &mut Figures, lines: usize) {
    let world = platform().await;
    world.install_guest("logs_as_the_path_says", &["cap:log.emit"]).await;
    let caller = Caller::of("acme", "com.example.logs-as-the-path-says", &lines.to_string());
    measure(figures, LOG, lines, &world, &[caller], 0).await;
}

/// Adds latency and memory of these callers, who send bodies of this size.
async fn measure(
    figures: &mut Figures,
    series: &str,
    value: usize,
    world: &TestPlatform,
    callers: &[Caller],
    size: usize,
) {
    let tokens: Vec<_> = callers
        .iter()
        .map(|caller| format!("Bearer {}", world.caller_token(&caller.tenant, Access::Write)))
        .collect();
    let router = world.router();
    let mut times = Vec::with_capacity(REQUESTS);
    // The first half warms up.
    for number in 0..REQUESTS.max(callers.len()) * 2 {
        let place = number % callers.len();
        let request = Request::post(&callers[place].target)
            .header("host", "bench")
            .header("authorization", &tokens[place])
            .header("content-type", "application/octet-stream");
        let request = request.body(Body::from(vec![b'x'; size])).unwrap();
        let started = Instant::now();
        let response = router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, LARGEST_RESPONSE).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e6);
        assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
    }
    let mut times = times.split_off(times.len() / 2);
    times.sort_by(f64::total_cmp);
    for (what, part) in [("p50", 0.5), ("p99", 0.99)] {
        let time = times[((times.len() - 1) as f64 * part) as usize];
        figures.add(format!("{series} {value}: {what}"), time, "us", Target::None);
    }
    let memory = resident_kib() / 1024.0;
    figures.add(
        format!("{series} {value}: resident memory"),
        memory,
        "MiB",
        Target::None,
    );
}
