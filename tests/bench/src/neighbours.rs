//! `bench neighbours`: the latency of one tenant's requests, alone and beside tenants whose
//! extensions do their worst. Server and clients share the machine's processors.

mod churn;
mod plot;

use crate::drivers::{Driver, Latencies, Order};
use crate::figures::{Figures, Target};
use crate::servers::get;
use alga_auth::Access;
use alga_harness::{MockServer, Release, TestPlatform, borrowed, component, tenant_id};
use alga_registry_types::{Execution, InstallRequest, Page, executions, install};
use alga_server::{Listener, ServeLimits, serve};
use churn::Churn;
use serde_json::json;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Requests per second of the victim.
const RATES: [u64; 2] = [50, 500];
/// Connections of an aggressor: the executions that one install may have at once.
const CONNECTIONS: usize = 32;
/// Deadline of an aggressor's execution.
const DEADLINE_MS: u64 = 500;
/// Memory in MiB that the process may use: its own, and 64 for each slot that the aggressors have.
const BUDGET_MIB: f64 = 200.0 + 64.0 * 256.0;

/// Guests, their capabilities, the path that they are called at, and the status of their responses.
const AGGRESSORS: [(&str, &[&str], &str, u16); 11] = [
    ("loops_forever", &[], "/", 504),
    ("loops_before_its_first_request", &[], "/", 504),
    ("allocates_without_end", &[], "/", 502),
    ("fills_memory", &[], "/", 504),
    ("calls_the_host_without_end", &["cap:context.read"], "/", 504),
    ("hammers_storage", &["cap:storage.kv"], "/", 504),
    ("floods_the_log", &["cap:log.emit"], "/", 200),
    ("answers_as_the_path_says", &[], "/headers-101", 502),
    ("traps", &[], "/", 502),
    ("answers_ok", &[], "/", 200),
    // A host that it sends to does not read.
    ("does_its_worst", &["cap:http.fetch"], "/unread", 504),
];
/// Name of the aggressor that publishes and calls one new extension after the other.
const NEW_BUNDLES: &str = "new bundles";

/// Requests of a platform: the victim's, each aggressor's, a second tenant's loops, and health.
struct Served {
    world: &'static TestPlatform,
    runtime: Handle,
    victim: Order,
    aggressors: Vec<Order>,
    loops: [Order; 2],
    health: Order,
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let mut rows = Vec::new();
    for rate in RATES {
        // Its tokens are valid for ten minutes.
        rows.extend(at_rate(figures, &start(), rate, seconds));
    }
    figures.add(
        "errors of the victim",
        rows.iter().map(|row| row.victim.errors).sum(),
        "",
        Target::AtMost(0.0),
    );
    let peak = rows.iter().map(|row| row.resident_mib).fold(0.0, f64::max);
    figures.add("peak of resident memory", peak, "MiB", Target::AtMost(BUDGET_MIB * 1.1));
    let plot = plot::svg(&rows);
    let path = std::env::temp_dir().join("neighbours.svg");
    std::fs::write(&path, plot).unwrap();
    eprintln!("{}\nplot: {}", plot::table(&rows), path.display());
}

/// What was measured beside some aggressors.
pub(crate) struct Row {
    pub(crate) beside: String,
    pub(crate) rate: u64,
    pub(crate) victim: Latencies,
    /// Responses per second of the aggressors.
    pub(crate) aggressors_rate: f64,
    pub(crate) resident_mib: f64,
}

/// An aggressor at work.
enum Running {
    Client(Driver),
    Churn(Churn),
}

impl Running {
    /// Ends it and returns the number of its responses.
    fn end(self) -> f64 {
        match self {
            Self::Client(driver) => driver.end().responses,
            Self::Churn(churn) => churn.end(),
        }
    }
}

impl Served {
    /// Starts the aggressor of this name.
    fn aggress(&self, name: &str) -> Running {
        let client = AGGRESSORS.iter().position(|(guest, ..)| *guest == name);
        match client {
            Some(place) => Running::Client(Driver::without_end(&self.aggressors[place], CONNECTIONS)),
            None => Running::Churn(Churn::start(self.world, &self.runtime)),
        }
    }

    fn measure(&self, rate: u64, seconds: u64, beside: &str, aggressors: &[&str]) -> Row {
        let running: Vec<_> = aggressors.iter().map(|name| self.aggress(name)).collect();
        std::thread::sleep(Duration::from_millis(500));
        let victim = Driver::at_rate(&self.victim, rate, seconds).end();
        let resident_mib = resident_mib();
        let responses: f64 = running.into_iter().map(Running::end).sum();
        Row {
            beside: beside.to_owned(),
            rate,
            victim,
            aggressors_rate: responses / (seconds as f64 + 0.5),
            resident_mib,
        }
    }

    /// Returns by how many milliseconds executions of the loops ended after their deadline, from
    /// their records.
    fn late_ms(&self) -> Vec<f64> {
        let records = async {
            self.world.platform().settle().await;
            let mut records: Vec<Execution> = Vec::new();
            for install in ["com.example.first", "com.example.second"] {
                let mut after: Option<String> = None;
                loop {
                    let page = Page {
                        after: after.as_deref(),
                        limit: Some(100),
                    };
                    let operation = executions(&tenant_id("loops"), install, &page);
                    let listed = self.world.operate(&operation).await.ok();
                    records.extend(listed.executions);
                    after = listed.next.map(|next| next.to_string());
                    if after.is_none() {
                        break;
                    }
                }
            }
            records
        };
        let records = self.runtime.block_on(records);
        let ended = records
            .iter()
            .filter(|record| record.code.as_deref() == Some("deadline_exceeded"));
        let mut late: Vec<_> = ended
            .map(|record| record.duration_us as f64 / 1e3 - DEADLINE_MS as f64)
            .collect();
        late.sort_by(f64::total_cmp);
        late
    }
}

fn at_rate(figures: &mut Figures, served: &Served, rate: u64, seconds: u64) -> Vec<Row> {
    let measure = |beside: &str, aggressors: &[&str]| served.measure(rate, seconds, beside, aggressors);
    measure("", &[]);
    let mut rows = vec![measure("alone", &[])];
    let alone = rows[0].victim;
    let name = |what: &str, part: &str| -> &'static str { format!("{rate}/s {what}, {part}").leak() };
    figures.add(name("alone", "p50"), alone.p50, "ms", Target::None);
    figures.add(name("alone", "p99"), alone.p99, "ms", Target::None);
    let beside_one = (2.0 * alone.p99).max(alone.p99 + 5.0);
    let names: Vec<&str> = AGGRESSORS
        .iter()
        .map(|(guest, ..)| *guest)
        .chain([NEW_BUNDLES])
        .collect();
    for aggressor in &names {
        let row = measure(aggressor, &[aggressor]);
        figures.add(name(aggressor, "p99"), row.victim.p99, "ms", Target::AtMost(beside_one));
        rows.push(row);
    }
    for (beside, aggressors) in [("the first eight", &names[..8]), ("all", &names[..])] {
        let row = measure(beside, aggressors);
        let target = Target::AtMost(3.0 * alone.p99);
        figures.add(name(beside, "p99"), row.victim.p99, "ms", target);
        rows.push(row);
    }
    rows.push(beside_loops(figures, served, rate, seconds, alone.p99));
    rows
}

/// Measures beside 64 executions of one tenant that compute until their deadline.
fn beside_loops(figures: &mut Figures, served: &Served, rate: u64, seconds: u64, alone_p99: f64) -> Row {
    let name = |what: &str| -> &'static str { format!("{rate}/s 64 loops of one tenant, {what}").leak() };
    let loops: Vec<_> = served
        .loops
        .iter()
        .map(|order| Driver::without_end(order, CONNECTIONS))
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let health = Driver::at_rate(&served.health, rate, seconds);
    let victim = Driver::at_rate(&served.victim, rate, seconds).end();
    let health = health.end();
    let resident_mib = resident_mib();
    let loops: Vec<_> = loops.into_iter().map(Driver::end).collect();
    let cancelled = loops.iter().map(|loops| loops.p999).fold(0.0, f64::max);
    let responses: f64 = loops.iter().map(|loops| loops.responses).sum();
    figures.add(name("p99"), victim.p99, "ms", Target::AtMost(3.0 * alone_p99));
    // A process that is busy is not one to replace.
    figures.add(name("/healthz p99"), health.p99, "ms", Target::AtMost(50.0));
    let late = served.late_ms();
    let at = |part: f64| {
        let late = late.get((late.len() as f64 * part) as usize).or(late.last());
        late.copied().unwrap_or(f64::MAX)
    };
    let p999 = at(0.999);
    figures.add(name("cancelled after the deadline, p50"), at(0.5), "ms", Target::None);
    figures.add(name("cancelled after the deadline, p99"), at(0.99), "ms", Target::None);
    figures.add(
        name("cancelled after the deadline, p99.9"),
        p999,
        "ms",
        Target::AtMost(10.0),
    );
    let client = cancelled - DEADLINE_MS as f64;
    figures.add(name("the same at the client"), client, "ms", Target::None);
    Row {
        beside: "64 loops of one tenant".to_owned(),
        rate,
        victim: Latencies {
            errors: victim.errors + health.errors,
            ..victim
        },
        aggressors_rate: responses / (seconds as f64 + 0.5),
        resident_mib,
    }
}

/// Returns the resident memory of this process, which is the server's.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
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
            sender.send(platform(Handle::current()).await).ok();
            pending::<()>().await;
        });
    });
    served.recv().unwrap()
}

async fn platform(runtime: Handle) -> Served {
    let outside = MockServer::start().await;
    let deadline = DEADLINE_MS.to_string();
    let settings = outside.settings();
    let mut settings = borrowed(&settings);
    settings.extend([
        ("pool", "256"),
        ("gateway_requests_per_second", "1000000"),
        ("gateway_timeout_ms", &deadline),
    ]);
    // The platform and what it calls live as long as the process.
    let world: &TestPlatform = Box::leak(Box::new(TestPlatform::with_settings(&settings).await));
    let origin = outside.origin();
    std::mem::forget(outside);
    let limits = ServeLimits::default();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &limits).unwrap();
    let address = listener.local_addr().unwrap();
    let mut aggressors = Vec::new();
    for row in AGGRESSORS {
        aggressors.push(aggressor(world, (address, &origin), row.0, row).await);
    }
    let [loops, ..] = AGGRESSORS;
    let loops = [
        aggressor(world, (address, &origin), "first", loops).await,
        aggressor(world, (address, &origin), "second", loops).await,
    ];
    let release = release(world, "answers_ok", "victim", (&[], &origin));
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    let token = world.caller_token("acme", Access::Write);
    let order = |request: Vec<u8>| Order {
        address,
        request: String::from_utf8(request).unwrap(),
        status: 200,
    };
    tokio::spawn(serve(listener, world.router(), limits, pending()));
    tokio::spawn(world.platform().follow_changes());
    Served {
        world,
        runtime,
        victim: order(get(&format!("/api/ext/{}/", release.name), &token)),
        aggressors,
        loops,
        health: order(get("/healthz", "")),
    }
}

fn release(world: &TestPlatform, guest: &str, name: &str, (capabilities, origin): (&[&str], &str)) -> Release {
    let name = format!("com.example.{}", name.replace('_', "-"));
    let mut manifest = Release::manifest(&name, "1.0.0", capabilities);
    if capabilities.contains(&"cap:http.fetch") {
        manifest["egress"] = json!([origin]);
    }
    Release::new(world.key(), &manifest, &component(guest))
}

/// Publishes a guest and installs it for a tenant of its own; the two with loops are of one tenant.
async fn aggressor(
    world: &TestPlatform,
    (address, origin): (SocketAddr, &str),
    name: &str,
    (guest, capabilities, path, status): (&str, &[&str], &str, u16),
) -> Order {
    let release = release(world, guest, name, (capabilities, origin));
    world.publish(&release).await;
    let tenant = match name {
        "first" | "second" => "loops".to_owned(),
        name => name.replace('_', "-"),
    };
    let request = InstallRequest {
        config: [("greeting".to_owned(), origin.to_owned())].into(),
        ..release.install_request(capabilities)
    };
    world.operate(&install(&tenant_id(&tenant), &request)).await.ok();
    let token = world.caller_token(&tenant, Access::Write);
    Order {
        address,
        request: String::from_utf8(get(&format!("/api/ext/{}{path}", release.name), &token)).unwrap(),
        status,
    }
}
