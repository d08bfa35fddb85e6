//! `bench neighbours`: the latency of one tenant's requests, alone and beside tenants whose
//! extensions do their worst. Server and clients share the machine's processors.

use crate::drivers::{Driver, Latencies, Order};
use crate::figures::{Figures, Target};
use crate::gateway::get;
use alga_auth::Access;
use alga_harness::{Release, TestPlatform, component};
use alga_server::{Listener, ServeLimits, serve};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

/// Requests per second of the victim.
const RATE: u64 = 200;
/// Connections of an aggressor: the executions that one install may have at once.
const CONNECTIONS: usize = 32;
/// Deadline of an aggressor's execution.
const DEADLINE_MS: u64 = 500;

/// Guests, their capabilities, and the status of their responses.
const AGGRESSORS: [(&str, &[&str], u16); 8] = [
    ("loops_forever", &[], 504),
    ("loops_before_its_first_request", &[], 504),
    ("allocates_without_end", &[], 503),
    ("calls_the_host_without_end", &["cap:context.read"], 504),
    ("floods_the_log", &["cap:log.emit"], 200),
    ("recurses_without_end", &[], 502),
    ("traps", &[], 502),
    ("answers_ok", &[], 200),
];

/// Requests of a platform: the victim's, each aggressor's, a second tenant's loops, and health.
struct Served {
    victim: Order,
    aggressors: Vec<Order>,
    loops: [Order; 2],
    health: Order,
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let served = start();
    let measure = |aggressors: &[&Order]| -> Latencies {
        let running: Vec<_> = aggressors
            .iter()
            .map(|order| Driver::without_end(order, CONNECTIONS))
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        let victim = Driver::at_rate(&served.victim, RATE, seconds).end();
        for driver in running {
            driver.end();
        }
        victim
    };
    measure(&[]);
    let alone = measure(&[]);
    figures.add("alone, p50", alone.p50, "ms", Target::None);
    figures.add("alone, p99", alone.p99, "ms", Target::None);
    let beside_one = (2.0 * alone.p99).max(alone.p99 + 5.0);
    let mut errors = alone.errors;
    for ((guest, ..), order) in AGGRESSORS.iter().zip(&served.aggressors) {
        let victim = measure(&[order]);
        errors += victim.errors;
        figures.add(
            format!("beside {guest}, p99").leak(),
            victim.p99,
            "ms",
            Target::AtMost(beside_one),
        );
    }
    let victim = measure(&served.aggressors.iter().collect::<Vec<_>>());
    errors += victim.errors;
    figures.add(
        "beside all eight, p99",
        victim.p99,
        "ms",
        Target::AtMost(3.0 * alone.p99),
    );
    let loops: Vec<_> = served
        .loops
        .iter()
        .map(|order| Driver::without_end(order, CONNECTIONS))
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let health = Driver::at_rate(&served.health, RATE, seconds);
    let victim = Driver::at_rate(&served.victim, RATE, seconds).end();
    let health = health.end();
    errors += victim.errors + health.errors;
    let cancelled = loops.into_iter().map(|driver| driver.end().p999).fold(0.0, f64::max);
    figures.add(
        "beside 64 loops of one tenant, p99",
        victim.p99,
        "ms",
        Target::AtMost(3.0 * alone.p99),
    );
    figures.add("/healthz beside them, p99", health.p99, "ms", Target::None);
    let late = cancelled - DEADLINE_MS as f64;
    figures.add("cancelled after the deadline, p99.9", late, "ms", Target::AtMost(10.0));
    figures.add("errors of the victim", errors, "", Target::AtMost(0.0));
}

/// Starts a platform whose threads are those of `alga serve`.
fn start() -> Served {
    let (sender, served) = mpsc::channel();
    std::thread::spawn(move || {
        let slots = std::thread::available_parallelism().unwrap().get();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(slots + 2)
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            sender.send(platform().await).ok();
            pending::<()>().await;
        });
    });
    served.recv().unwrap()
}

async fn platform() -> Served {
    let world = TestPlatform::with_settings(&[
        ("pool", "256"),
        ("guest_niceness", "10"),
        ("gateway_requests_per_second", "1000000"),
        ("gateway_timeout_ms", &DEADLINE_MS.to_string()),
    ])
    .await;
    let limits = ServeLimits::default();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &limits).unwrap();
    let address = listener.local_addr().unwrap();
    let mut aggressors = Vec::new();
    for (guest, capabilities, status) in AGGRESSORS {
        aggressors.push(aggressor(&world, address, guest, guest, capabilities, status).await);
    }
    let loops = [
        aggressor(&world, address, "loops_forever", "first", &[], 504).await,
        aggressor(&world, address, "loops_forever", "second", &[], 504).await,
    ];
    let release = release(&world, "answers_ok", "victim", &[]);
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    let token = world.caller_token("acme", Access::Write);
    let order = |request: Vec<u8>| Order {
        address,
        request: String::from_utf8(request).unwrap(),
        status: 200,
    };
    tokio::spawn(serve(listener, world.router(), limits, pending()));
    let served = Served {
        victim: order(get(&format!("/api/ext/{}/", release.name), &token)),
        aggressors,
        loops,
        health: order(get("/healthz", "")),
    };
    // The platform lives as long as the process.
    std::mem::forget(world);
    served
}

fn release(world: &TestPlatform, guest: &str, name: &str, capabilities: &[&str]) -> Release {
    let name = format!("com.example.{}", name.replace('_', "-"));
    let manifest = Release::manifest(&name, "1.0.0", capabilities);
    Release::new(world.key(), &manifest, &component(guest))
}

/// Publishes a guest and installs it for a tenant of its own; the two with loops are of one tenant.
async fn aggressor(
    world: &TestPlatform,
    address: SocketAddr,
    guest: &str,
    name: &str,
    capabilities: &[&str],
    status: u16,
) -> Order {
    let release = release(world, guest, name, capabilities);
    world.publish(&release).await;
    let tenant = match name {
        "first" | "second" => "loops".to_owned(),
        name => name.replace('_', "-"),
    };
    world.install(&tenant, &release, capabilities).await.ok();
    let token = world.caller_token(&tenant, Access::Write);
    Order {
        address,
        request: String::from_utf8(get(&format!("/api/ext/{}/", release.name), &token)).unwrap(),
        status,
    }
}
