//! `bench density`: many installs of 100 distinct bundles in one process: the first request after
//! an install and after a start, memory of an idle install, and throughput when all are active.

use crate::connections::resident_kib;
use crate::figures::{Figures, Target};
use alga_auth::Access;
use alga_harness::{Release, TestPlatform, component, tenant_id};
use alga_registry_types::{InstallRequest, install};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tower::ServiceExt;

const BUNDLES: usize = 100;
const TENANTS: usize = 100;
/// Tenants of the first 1 000 installs.
const FIRST_TENANTS: usize = 10;
/// Requests in progress at once when throughput is measured.
const CLIENTS: usize = 8;

/// A request for one install.
struct Caller {
    target: String,
    authorization: String,
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(figures, Duration::from_secs(seconds)));
}

fn name(bundle: usize) -> String {
    format!("com.example.dense-{bundle}")
}

/// Returns a component that differs from all others in its last custom section.
fn distinct(bundle: usize) -> Vec<u8> {
    let mut component = component("answers_ok");
    let number = u8::try_from(bundle).unwrap();
    component.extend([0, 3, 1, b'n', number]);
    component
}

/// Publishes the bundles.
async fn published() -> (TestPlatform, Vec<InstallRequest>) {
    // The default of a server: tests have fewer slots than there are bundles.
    let settings = [("pool", "256"), ("gateway_requests_per_second", "1000000")];
    let world = TestPlatform::with_settings(&settings).await;
    let mut requests = Vec::new();
    for bundle in 0..BUNDLES {
        let manifest = Release::manifest(&name(bundle), "1.0.0", &[]);
        let release = Release::new(world.key(), &manifest, &distinct(bundle));
        world.publish(&release).await;
        requests.push(release.install_request(&[]));
    }
    (world, requests)
}

/// Installs each bundle for these tenants.
async fn install_for(world: &TestPlatform, requests: &[InstallRequest], tenants: Range<usize>) {
    for tenant in tenants {
        for request in requests {
            let tenant = tenant_id(&format!("tenant-{tenant}"));
            world.operate(&install(&tenant, request)).await.ok();
        }
    }
}

/// Returns a caller of each install of these tenants.
fn callers_of(world: &TestPlatform, tenants: Range<usize>) -> Vec<Caller> {
    let callers = tenants.flat_map(|tenant| {
        let token = world.caller_token(&format!("tenant-{tenant}"), Access::Write);
        (0..BUNDLES).map(move |bundle| Caller {
            target: format!("/api/ext/{}/", name(bundle)),
            authorization: format!("Bearer {token}"),
        })
    });
    callers.collect()
}

/// Measures the first requests after an install, and after a start with 1 000 installs: with empty
/// caches in memory, and machine code on disk.
async fn measure_starts(figures: &mut Figures) -> TestPlatform {
    let (world, requests) = published().await;
    install_for(&world, &requests, 0..1).await;
    let callers = callers_of(&world, 0..1);
    let names = [
        "first request after an install, p50",
        "first request after an install, p99",
    ];
    first_requests(figures, names, &world.router(), &callers).await;
    install_for(&world, &requests, 1..FIRST_TENANTS).await;
    let started = Instant::now();
    let world = world.restart().await;
    call(&world.router(), &callers[0]).await;
    let start = started.elapsed().as_secs_f64() * 1e3;
    figures.add(
        "start with 1 000 installs until the first response",
        start,
        "ms",
        Target::None,
    );
    let names = [
        "first request after that start, p50",
        "first request after that start, p99",
    ];
    first_requests(figures, names, &world.router(), &callers[1..]).await;
    install_for(&world, &requests, FIRST_TENANTS..TENANTS).await;
    world.restart().await
}

async fn measure(figures: &mut Figures, time: Duration) {
    let world = measure_starts(figures).await;
    let callers: Arc<[Caller]> = callers_of(&world, 0..TENANTS).into();
    let router = world.router();
    let followed = async {
        world.platform().follow_changes().await;
        pending::<()>().await;
    };
    let measured = async {
        for caller in &callers[..BUNDLES] {
            call(&router, caller).await;
        }
        memory(figures, &router, &callers).await;
        throughput(figures, &router, &callers, time).await;
    };
    tokio::select! {
        () = followed => {}
        () = measured => {}
    }
}

async fn call(router: &Router, caller: &Caller) -> Duration {
    let request = Request::get(&caller.target)
        .header("host", "bench")
        .header("authorization", &caller.authorization);
    let request = request.body(Body::empty()).unwrap();
    let started = Instant::now();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    let latency = started.elapsed();
    assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
    latency
}

/// Calls installs of different bundles, each for the first time.
async fn first_requests(figures: &mut Figures, names: [&str; 2], router: &Router, callers: &[Caller]) {
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.push(call(router, caller).await.as_secs_f64() * 1e3);
    }
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    let [p50, p99] = names;
    figures.add(p50, at(0.5), "ms", Target::AtMost(5.0));
    figures.add(p99, at(0.99), "ms", Target::AtMost(10.0));
}

/// Calls each install once; what remains in memory afterwards is that of idle installs. Their
/// bundles are loaded already.
async fn memory(figures: &mut Figures, router: &Router, callers: &[Caller]) {
    let before = resident_kib();
    for (name, installs) in [
        ("idle install of 1 000, resident memory", FIRST_TENANTS * BUNDLES),
        ("idle install of 10 000, resident memory", TENANTS * BUNDLES),
    ] {
        for caller in &callers[BUNDLES..installs] {
            call(router, caller).await;
        }
        let each = (resident_kib() - before) / (installs - BUNDLES) as f64;
        figures.add(name, each, "KiB", Target::AtMost(10.0));
    }
}

async fn throughput(figures: &mut Figures, router: &Router, callers: &Arc<[Caller]>, time: Duration) {
    let mut ratios = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        let one = rate(router, callers, 1, time).await;
        for (ratios, installs) in ratios.iter_mut().zip([FIRST_TENANTS * BUNDLES, TENANTS * BUNDLES]) {
            ratios.push(rate(router, callers, installs, time).await / one);
        }
    }
    for (ratios, name) in ratios.iter_mut().zip([
        "throughput of 1 000 installs in turn / of one",
        "throughput of 10 000 installs in turn / of one",
    ]) {
        ratios.sort_by(f64::total_cmp);
        figures.add(name, ratios[1], "ratio", Target::AtLeast(0.7));
    }
}

/// Calls the first installs in turn; returns requests per second.
async fn rate(router: &Router, callers: &Arc<[Caller]>, installs: usize, time: Duration) -> f64 {
    let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (router, callers, next) = (router.clone(), Arc::clone(callers), Arc::clone(&next));
            tokio::spawn(async move {
                while started.elapsed() < time {
                    let number = next.fetch_add(1, Ordering::Relaxed) % installs;
                    call(&router, &callers[number]).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    next.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}
