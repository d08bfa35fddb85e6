//! `bench gateway`: one component behind `/v1/http`, behind the gateway with its runner in one
//! process and in two on the same core, behind `wasmtime serve`, and a bare handler beside them.

use crate::figures::{Figures, Target};
use crate::load::{Measured, from_another_process};
use crate::own_gateway::OwnGateway;
use crate::servers::{Alga, BODY, Load, Peer, bare, get};

const LOAD_CORE: usize = 1;
/// Rounds in which the sides alternate, so that other load on the machine counts against all.
const ROUNDS: usize = 3;

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
    let load =
        |(address, request): &Load| -> Measured { from_another_process(LOAD_CORE, seconds, *address, request, BODY) };
    let bare = load(&bare());
    let alga = Alga::start();
    let own_gateway = OwnGateway::start(&alga.stored, alga.http.0);
    let remote = (own_gateway.address, alga.gateway.1.clone());
    let round = Round {
        bare: bare.requests_per_second,
        http: load(&alga.http).requests_per_second,
        gateway: load(&alga.gateway).requests_per_second,
        remote: load(&remote).requests_per_second,
        wasmtime: None,
    };
    drop((own_gateway, alga));
    let wasmtime = Peer::wasmtime().map(|wasmtime| load(&(wasmtime.address, get("/", ""))).requests_per_second);
    Round { wasmtime, ..round }
}
