//! `bench growth`: how latency and memory of a whole platform grow with installs, tenants, the
//! size of bodies, capabilities and log volume. Requests are sent to the gateway in process, one
//! after the other. Each point is measured in a process of its own, whose memory has nothing of
//! another one.

use crate::connections::resident_kib;
use crate::figures::{Figures, Target};
use alga_auth::Access;
use alga_harness::{Release, TestPlatform, component};
use axum::body::{Body, to_bytes};
use http::Request;
use std::process::Command;
use std::time::Instant;
use tower::ServiceExt;

/// Requests of each measurement.
const REQUESTS: usize = 2_000;
const LARGEST_RESPONSE: usize = 16 << 20;
const MANY: [usize; 4] = [1, 10, 100, 1_000];
/// Components of which the bundles of many extensions consist: each is compiled once.
const COMPONENTS: usize = 100;
/// What is measured at each point.
const MEASURED: [(&str, &str); 3] = [("p50", "us"), ("p99", "us"), ("resident memory", "MiB")];
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

/// What grows, the unit in which it does, and the points.
pub(crate) const SERIES: [(&str, &str, &[usize]); 5] = [
    (INSTALLS, "extensions", &MANY),
    (TENANTS, "tenants", &MANY),
    (BODY, "bytes", &[0, 1_000, 10_000, 100_000, 1_000_000]),
    (GRANTS, "capabilities", &[0, 2, 4, 8]),
    (LOG, "lines", &[0, 10, 100, 1_000]),
];
const INSTALLS: &str = "installs, each of another extension";
const TENANTS: &str = "tenants of one extension";
const BODY: &str = "body in both directions";
const GRANTS: &str = "capabilities granted";
const LOG: &str = "log lines of each request";

pub(crate) fn run(figures: &mut Figures) {
    for (series, _, points) in SERIES {
        for point in points {
            let mut process = Command::new(std::env::current_exe().unwrap());
            process.args(["growth-point", "--series", series, "--point", &point.to_string()]);
            let output = process.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let numbers: Vec<f64> = serde_json::from_slice(&output.stdout).unwrap();
            for ((what, unit), number) in MEASURED.into_iter().zip(numbers) {
                figures.add(format!("{series} {point}: {what}"), number, unit, Target::None);
            }
        }
    }
}

/// Measures one point for the parent process.
pub(crate) fn serve_parent(series: &str, point: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let numbers = runtime.block_on(async {
        match series {
            INSTALLS => installs(point).await,
            TENANTS => tenants(point).await,
            BODY => bodies(point).await,
            GRANTS => capabilities(point).await,
            _ => log_lines(point).await,
        }
    });
    println!("{}", serde_json::to_string(&numbers).unwrap());
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

async fn installs(many: usize) -> [f64; 3] {
    let world = platform().await;
    let mut callers = Vec::new();
    for number in 0..many {
        let mut component = component("answers_ok");
        // They differ in their last custom section.
        component.extend([0, 3, 1, b'n', u8::try_from(number % COMPONENTS).unwrap()]);
        let release = Release::new(world.key(), &Release::manifest(&name(number), "1.0.0", &[]), &component);
        world.publish(&release).await;
        // A tenant may not call any number of extensions at once.
        let tenant = format!("tenant-{}", number / COMPONENTS);
        world.install(&tenant, &release, &[]).await.ok();
        callers.push(Caller::of(&tenant, &name(number), ""));
    }
    measure(&world, &callers, 0).await
}

async fn tenants(many: usize) -> [f64; 3] {
    let world = platform().await;
    let release = world.release(&name(0), "1.0.0", "answers_ok");
    world.publish(&release).await;
    let mut callers = Vec::new();
    for number in 0..many {
        let tenant = format!("tenant-{number}");
        world.install(&tenant, &release, &[]).await.ok();
        callers.push(Caller::of(&tenant, &name(0), ""));
    }
    measure(&world, &callers, 0).await
}

async fn bodies(size: usize) -> [f64; 3] {
    let world = platform().await;
    world.install_guest("echoes", &[]).await;
    let caller = Caller::of("acme", "com.example.echoes", "");
    measure(&world, &[caller], size).await
}

async fn capabilities(count: usize) -> [f64; 3] {
    let world = platform().await;
    world.install_guest("answers_ok", &CAPABILITIES[..count]).await;
    let caller = Caller::of("acme", "com.example.answers-ok", "");
    measure(&world, &[caller], 0).await
}

async fn log_lines(lines: usize) -> [f64; 3] {
    let world = platform().await;
    world.install_guest("logs_as_the_path_says", &["cap:log.emit"]).await;
    let caller = Caller::of("acme", "com.example.logs-as-the-path-says", &lines.to_string());
    measure(&world, &[caller], 0).await
}

/// Returns what is measured at a point of these callers, who send bodies of this size.
async fn measure(world: &TestPlatform, callers: &[Caller], size: usize) -> [f64; 3] {
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
    let time_at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    [time_at(0.5), time_at(0.99), resident_kib() / 1024.0]
}
