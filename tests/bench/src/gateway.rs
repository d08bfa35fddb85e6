//! `bench gateway`: one component behind `/v1/http`, behind the gateway with its runner in one
//! process and in two on the same core, behind `wasmtime serve`, and a bare handler beside them.

use crate::figures::{Figures, Target};
use crate::load::{Measured, from_another_process, on_core};
use crate::own_gateway::OwnGateway;
use crate::servers::{BODY, Load, Peer, SERVER_CORE, bare, get, proxy_component};
use alga_auth::{Access, CallContext, ServiceGrant};
use alga_harness::{Release, TestPlatform};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use tokio::net::TcpListener;

const LOAD_CORE: usize = 1;
/// Rounds in which the sides alternate, so that other load on the machine counts against all.
const ROUNDS: usize = 3;
const NAME: &str = "com.example.bench";

/// The requests per second of each side in one round.
struct Round {
    bare: f64,
    http: f64,
    gateway: f64,
    remote: f64,
    wasmtime: Option<f64>,
}

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| measure(seconds)).collect();
    let median = |ratio: &dyn Fn(&Round) -> Option<f64>| -> Option<f64> {
        let mut ratios: Vec<f64> = rounds.iter().filter_map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    };
    for (name, of) in [
        (
            "bare handler, requests per second per core",
            (|round| round.bare) as fn(&Round) -> f64,
        ),
        ("/v1/http, requests per second per core", |round| round.http),
        ("/api/ext, runner in this process, requests per second", |round| {
            round.gateway
        }),
        (
            "/api/ext, gateway in a process of its own, requests per second",
            |round| round.remote,
        ),
        ("wasmtime serve, requests per second per core", |round| {
            round.wasmtime.unwrap_or_default()
        }),
    ] {
        let value = median(&|round| Some(of(round))).unwrap_or_default();
        figures.add(name, value, "1/s", Target::None);
    }
    for (name, target, ratio) in [
        (
            "/v1/http / wasmtime serve",
            1.8,
            (|round: &Round| round.wasmtime.map(|wasmtime| round.http / wasmtime)) as fn(&Round) -> Option<f64>,
        ),
        ("/v1/http / bare handler", 0.3, |round| Some(round.http / round.bare)),
        ("/api/ext in one process / /v1/http", 0.85, |round| {
            Some(round.gateway / round.http)
        }),
        ("gateway and runner as two processes / one", 0.55, |round| {
            Some(round.remote / round.gateway)
        }),
    ] {
        if let Some(value) = median(&ratio) {
            figures.add(name, value, "ratio", Target::AtLeast(target));
        }
    }
}

fn measure(seconds: u64) -> Round {
    let load = |(address, request): (SocketAddr, Vec<u8>)| -> Measured {
        from_another_process(LOAD_CORE, seconds, address, &request, BODY)
    };
    let bare = load(bare());
    let (platform, http, gateway, stored) = platform();
    let own_gateway = OwnGateway::start(&stored, http.0);
    let remote = (own_gateway.address, gateway.1.clone());
    let round = Round {
        bare: bare.requests_per_second,
        http: load(http).requests_per_second,
        gateway: load(gateway).requests_per_second,
        remote: load(remote).requests_per_second,
        wasmtime: None,
    };
    drop((own_gateway, platform));
    let wasmtime = Peer::wasmtime().map(|wasmtime| load((wasmtime.address, get("/", ""))).requests_per_second);
    Round { wasmtime, ..round }
}

/// Starts a platform; it stops when the first value is dropped. The last values are its
/// data directory and its database.
fn platform() -> (tokio::sync::oneshot::Sender<()>, Load, Load, (PathBuf, String)) {
    let (sender, ready) = mpsc::channel();
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    on_core(SERVER_CORE, async move || {
        let world = TestPlatform::with_settings(&[("pool", "512"), ("gateway_requests_per_second", "1000000")]).await;
        let manifest = Release::manifest(NAME, "1.0.0", &[]);
        let release = Release::new(world.key(), &manifest, &proxy_component());
        world.publish(&release).await;
        let install = world.install("acme", &release, &[]).await.ok();
        let grant = ServiceGrant {
            call: Some(Box::new(CallContext {
                timeout_ms: Some(5_000),
                ..CallContext::default()
            })),
            ..world.grant_for(&install)
        };
        let limits = alga_server::ServeLimits::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(alga_server::serve(
            listener,
            world.router(),
            limits,
            std::future::pending(),
        ));
        let caller = get(&format!("/api/ext/{NAME}/"), &world.caller_token("acme", Access::Write));
        let http = get("/v1/http/", &world.service_token(&grant));
        sender
            .send(((address, http), (address, caller), stored(&world)))
            .unwrap();
        finished.await.ok();
    });
    let (http, gateway, stored) = ready.recv().unwrap();
    (finish, http, gateway, stored)
}

/// Returns the data directory and the database, which is Postgres: several processes share it.
pub(crate) fn stored(world: &TestPlatform) -> (PathBuf, String) {
    let database = world.database_url().expect("ALGA_TEST_POSTGRES is set");
    (world.directory().to_path_buf(), database.to_owned())
}
