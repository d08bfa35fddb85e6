//! `bench connections`: memory of idle connections and open streams, latency of streamed events and
//! beside slow clients.

use crate::figures::{Figures, Target};
use crate::holder::{Held, Holding};
use crate::load::{from_another_process, on_core};
use crate::own_gateway::OwnGateway;
use crate::servers::{Stored, stored};
use alga_auth::Access;
use alga_harness::{Release, TestPlatform, component};
use alga_server::{ServeLimits, serve};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;
use tokio::net::TcpListener;

const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
const IDLE: usize = 10_000;
const STREAMS: usize = 1_000;
const SLOW: usize = 1_000;
/// Tenants of the streams: one tenant may use a third of the pool, one install an eighth.
const TENANTS: usize = 10;

/// Addresses and requests of a platform.
struct Served {
    address: SocketAddr,
    stored: Stored,
    hello: String,
    streams: Vec<String>,
    events: String,
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let served = start();
    let before = resident_kib();
    let idle = Held::start(served.address, Holding::Idle, IDLE, std::slice::from_ref(&served.hello));
    let memory = (resident_kib() - before) / 1024.0;
    drop(idle);
    figures.add(
        "10 000 idle connections, resident memory",
        memory,
        "MiB",
        Target::AtMost(300.0),
    );

    let latency = Held::measure(served.address, Holding::Events, 100, &served.events);
    figures.add(
        "event written until received, p50",
        latency.p50_us / 1000.0,
        "ms",
        Target::AtMost(5.0),
    );
    figures.add(
        "event written until received, p99",
        latency.p99_us / 1000.0,
        "ms",
        Target::None,
    );
    let before = resident_kib();
    let streams = Held::start(served.address, Holding::Stream, STREAMS, &served.streams);
    let each = (resident_kib() - before) / STREAMS as f64;
    drop(streams);
    // The guest's own memory is part of it.
    figures.add(
        "open stream, resident memory with its guest",
        each,
        "KiB",
        Target::AtMost(40.0),
    );

    let load = || from_another_process(LOAD_CORE, seconds, served.address, served.hello.as_bytes(), "ok");
    let alone = load();
    let slow = Held::start(served.address, Holding::Slow, SLOW, std::slice::from_ref(&served.hello));
    let beside = load();
    drop(slow);
    figures.add("p99 alone", alone.p99_us / 1000.0, "ms", Target::None);
    figures.add(
        "p99 beside 1 000 slow clients / alone",
        beside.p99_us / alone.p99_us,
        "ratio",
        Target::AtMost(2.0),
    );

    let one = Held::measure(served.address, Holding::Sequential, 2_000, &served.hello);
    let own_gateway = OwnGateway::start(&served.stored, served.address);
    let two = Held::measure(own_gateway.address, Holding::Sequential, 2_000, &served.hello);
    figures.add(
        "one request in one process, p50",
        one.p50_us / 1000.0,
        "ms",
        Target::None,
    );
    figures.add(
        "added by a gateway in a process of its own, p50",
        (two.p50_us - one.p50_us) / 1000.0,
        "ms",
        Target::AtMost(0.3),
    );
}

fn request(target: &str, token: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n")
}

/// Starts a platform that lives as long as the process.
fn start() -> Served {
    let (sender, served) = mpsc::channel();
    on_core(SERVER_CORE, async move || {
        let settings = [
            ("pool", "1280"),
            ("gateway_requests_per_second", "1000000"),
            ("gateway_timeout_ms", "30000"),
        ];
        let world = TestPlatform::with_settings(&settings).await;
        let hello = Release::new(
            world.key(),
            &Release::manifest("com.example.bench", "1.0.0", &[]),
            &component("answers_ok"),
        );
        world.publish(&hello).await;
        world.install("acme", &hello, &[]).await;
        let manifest = Release::manifest("com.example.streams", "1.0.0", &[]);
        let release = Release::new(world.key(), &manifest, &component("streams"));
        world.publish(&release).await;
        let mut streams = Vec::new();
        for number in 0..TENANTS {
            let tenant = format!("tenant-{number}");
            world.install(&tenant, &release, &[]).await.ok();
            let token = world.caller_token(&tenant, Access::Write);
            streams.push(request("/api/ext/com.example.streams/one-event", &token));
        }
        let token = world.caller_token("tenant-0", Access::Write);
        let events = request("/api/ext/com.example.streams/timed-events", &token);
        // Idle connections stay open while they are counted; otherwise they end after 5 seconds.
        let limits = ServeLimits {
            headers: Duration::from_secs(60),
            connections: 20_000,
            connections_per_address: 20_000,
            ..ServeLimits::default()
        };
        let listen = async |router| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener, router, limits, pending()));
            address
        };
        let served = Served {
            address: listen(world.router()).await,
            stored: stored(&world),
            hello: request(
                "/api/ext/com.example.bench/",
                &world.caller_token("acme", Access::Write),
            ),
            streams,
            events,
        };
        sender.send(served).unwrap();
        pending::<()>().await;
    });
    served.recv().unwrap()
}

/// Returns the resident memory of this process, which is the server's.
pub(crate) fn resident_kib() -> f64 {
    // The server has accepted and freed what it has to after a moment.
    std::thread::sleep(Duration::from_millis(500));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
