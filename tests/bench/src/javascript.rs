//! Extensions in JavaScript on the shared engine, as a part of `bench languages`.

use crate::connections::resident_kib;
use crate::figures::{Figures, Target};
use alga_capabilities::stub_unsupported_imports;
use alga_harness::{Credential, ExecuteRequest, Release, TestPlatform, component, javascript};
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// Executions in a round of measurements.
const EXECUTIONS: usize = 2_000;
/// Extensions whose memory is measured together.
const DISTINCT: usize = 1_000;
/// Executions that wait at the same time when the memory of one is measured.
const LIVE: usize = 24;

/// Text in the component whose number is replaced.
const MARK: &[u8] = b"hello 0000";

const HELLO: &str = "export default (request) => new Response(`hello 0000 from ${new URL(request.url).pathname}`, \
    { headers: { 'x-ext-a': request.headers.get('accept') ?? 'none' } });";

pub(crate) async fn compact(figures: &mut Figures) {
    let world = TestPlatform::with_settings(&[("pool", "256"), ("memory_mib", "2048")]).await;
    let began = Instant::now();
    let hello = javascript(HELLO).unwrap();
    figures.add(
        "compact JS: snapshot and component",
        ms(began.elapsed()),
        "ms",
        Target::None,
    );
    // The first extension compiles the engine.
    let first = request(&world, &hello, 0).await.0;
    world.execute(&first).await;
    let (second, publish, bytes) = request(&world, &hello, 1).await;
    figures.add("compact JS: bundle", bytes as f64 / 1000.0, "kB", Target::AtMost(200.0));
    figures.add("compact JS: publish", ms(publish), "ms", Target::AtMost(2_000.0));
    let began = Instant::now();
    assert_eq!(world.execute(&second).await.status, 200);
    figures.add(
        "compact JS: first request",
        ms(began.elapsed()),
        "ms",
        Target::AtMost(10.0),
    );
    p50_us(&world, &second).await;
    let p50 = p50_us(&world, &second).await;
    figures.add("compact JS: execute, p50", p50, "us", Target::AtMost(400.0));
    live(&world, figures).await;
    resident(&world, &hello, figures).await;
}

/// Measures components that contain their engine: StarlingMonkey, and the interpreter of Python.
pub(crate) async fn whole_engines(figures: &mut Figures) {
    let world = TestPlatform::with_settings(&[("pool", "32"), ("memory_mib", "1024")]).await;
    for (guest, [publish, execute], limit_us) in [
        ("javascript", ["full JS: publish", "full JS: execute, p50"], 1_500.0),
        ("python", ["Python: publish", "Python: execute, p50"], 5_000.0),
    ] {
        let bytes = component(guest);
        let packed = stub_unsupported_imports(&bytes).unwrap().unwrap_or(bytes);
        let manifest = Release::manifest(&format!("com.example.{guest}"), "1.0.0", &["cap:http.fetch"]);
        let release = Release::new(world.key(), &manifest, &packed);
        let began = Instant::now();
        world.publish(&release).await;
        figures.add(publish, ms(began.elapsed()), "ms", Target::None);
        let install = world.install("acme", &release, &["cap:http.fetch"]).await.ok();
        let request = world.request_for(&install).on("GET", "/a").within_ms(10_000);
        let request = request.with("/limits/memory_mb", 128.into());
        p50_us(&world, &request).await;
        let p50 = p50_us(&world, &request).await;
        figures.add(execute, p50, "us", Target::AtMost(limit_us));
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Publishes and installs an extension that differs from all others: its text has another number.
async fn request(world: &TestPlatform, hello: &[u8], number: usize) -> (ExecuteRequest, Duration, usize) {
    let (mut component, text) = (hello.to_vec(), format!("hello {number:04}"));
    let at = component.windows(MARK.len()).position(|window| window == MARK).unwrap();
    component[at..at + MARK.len()].copy_from_slice(text.as_bytes());
    publish(world, &format!("com.example.script-{number}"), &component).await
}

async fn publish(world: &TestPlatform, name: &str, component: &[u8]) -> (ExecuteRequest, Duration, usize) {
    let release = Release::new(world.key(), &Release::manifest(name, "1.0.0", &[]), component);
    let began = Instant::now();
    world.publish(&release).await;
    let publish = began.elapsed();
    let install = world.install("acme", &release, &[]).await.ok();
    let request = world.request_for(&install).on("GET", "/a").within_ms(10_000);
    (request, publish, release.bundle.len())
}

/// Returns the memory of this process that no file has: pages of snapshots count once they are
/// written.
fn anonymous_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Measures the memory that executions which wait have written.
async fn live(world: &TestPlatform, figures: &mut Figures) {
    let source = "export default async (request) => { new URL(request.url); await new Promise((resolve) => setTimeout(resolve, 3000)); return new Response('late'); }";
    let (waiting, ..) = publish(world, "com.example.waits", &javascript(source).unwrap()).await;
    assert_eq!(world.execute(&waiting).await.status, 200);
    let before = anonymous_kib();
    let all = join_all((0..LIVE).map(|_| world.execute(&waiting)));
    let measured = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        anonymous_kib()
    };
    let (replies, during) = tokio::join!(all, measured);
    assert!(replies.iter().all(|reply| reply.status == 200));
    let each = (during - before) / LIVE as f64;
    figures.add(
        "compact JS: memory of a live execution",
        each,
        "KiB",
        Target::AtMost(500.0),
    );
}

/// Measures the memory of many extensions that are loaded.
async fn resident(world: &TestPlatform, hello: &[u8], figures: &mut Figures) {
    let before = resident_kib();
    for number in 2..DISTINCT {
        let (request, ..) = request(world, hello, number).await;
        assert_eq!(world.execute(&request).await.status, 200);
    }
    let mib = (resident_kib() - before) / 1024.0;
    figures.add(
        "compact JS: 1 000 extensions resident",
        mib,
        "MiB",
        Target::AtMost(953.0),
    );
}

/// Returns the median time of an execution. All have one token, as the requests of a gateway have.
pub(crate) async fn p50_us(world: &TestPlatform, request: &ExecuteRequest) -> f64 {
    let request = &ExecuteRequest {
        credential: Credential::Token(world.token_for(request).unwrap()),
        ..request.clone()
    };
    let mut times = Vec::with_capacity(EXECUTIONS);
    for _ in 0..EXECUTIONS {
        let began = Instant::now();
        let reply = world.execute(request).await;
        times.push(began.elapsed());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    times.sort_unstable();
    times[EXECUTIONS / 2].as_secs_f64() * 1e6
}
