//! `bench peers`: one component behind this platform's entries and behind other hosts, beside a
//! handler without a component. Each is alone on one core; the load comes from another one.

use crate::figures::{Figures, Target};
use crate::load::{Measured, Order};
use crate::own_process::OwnProcess;
use crate::servers::{Alga, BODY, Load, Peer, bare, get};

const LOAD_CORE: usize = 1;
/// Rounds in which the sides alternate, so that other load on the machine counts against all.
const ROUNDS: usize = 5;
/// The component's response in base64, as `/v1/execute` returns it.
const BODY_BASE64: &str = "b2s=";

/// Servers in the order in which they are measured.
pub(crate) const SIDES: [&str; 7] = [BARE, HTTP, EXECUTE, GATEWAY, PROCESS, WASMTIME, WASMCLOUD];
const BARE: &str = "handler without a component (hyper)";
const HTTP: &str = "alga, /v1/http";
const EXECUTE: &str = "alga, /v1/execute";
const GATEWAY: &str = "alga, /api/ext";
/// The others are in the process of the benchmark, which has no log.
const PROCESS: &str = "alga serve, confined, /api/ext";
const WASMTIME: &str = "wasmtime serve";
const WASMCLOUD: &str = "wasmCloud (wash dev)";

/// What one side reached in one round.
struct Reached {
    /// In a closed loop: the most that it can do.
    fastest: Measured,
    /// In an open loop at half of that rate.
    half: Measured,
}

type Round = [Option<Reached>; SIDES.len()];

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(seconds)).collect();
    for (place, name) in SIDES.into_iter().enumerate() {
        let side = |of: &dyn Fn(&Reached) -> f64| median(&rounds, &|round| round[place].as_ref().map(of));
        let Some(rate) = side(&|side| side.fastest.requests_per_second) else {
            continue;
        };
        figures.add(format!("{name}: {PER_CORE}"), rate, "1/s", Target::None);
        for (what, value) in [
            ("p50 at half load", side(&|side| side.half.p50_us)),
            ("p99 at half load", side(&|side| side.half.p99_us)),
        ] {
            figures.add(format!("{name}: {what}"), value.unwrap_or_default(), "us", Target::None);
        }
        let tail = side(&|side| side.half.p99_us / side.half.p50_us).unwrap_or_default();
        let target = if name.starts_with("alga") {
            Target::AtMost(2.0)
        } else {
            Target::None
        };
        figures.add(format!("{name}: p99 / p50 at half load"), tail, "ratio", target);
    }
    for (one, other, target) in [
        (HTTP, WASMTIME, Target::AtLeast(2.0)),
        (EXECUTE, WASMTIME, Target::AtLeast(1.5)),
        (GATEWAY, WASMTIME, Target::None),
        (PROCESS, GATEWAY, Target::None),
        (HTTP, BARE, Target::AtLeast(0.35)),
        (HTTP, WASMCLOUD, Target::None),
    ] {
        let rate = |round: &Round, name| Some(round[position(name)].as_ref()?.fastest.requests_per_second);
        if let Some(ratio) = median(&rounds, &|round| Some(rate(round, one)? / rate(round, other)?)) {
            figures.add(format!("{one} / {other}"), ratio, "ratio", target);
        }
    }
}

/// Name of the figure that is compared and plotted.
pub(crate) const PER_CORE: &str = "requests per second per core";

fn position(name: &str) -> usize {
    SIDES.iter().position(|side| *side == name).unwrap()
}

fn median(rounds: &[Round], of: &dyn Fn(&Round) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = rounds.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn round(seconds: u64) -> Round {
    let bare = reach(&bare(), BODY, seconds);
    let alga = Alga::start();
    let http = reach(&alga.http, BODY, seconds);
    let execute = reach(&alga.execute, BODY_BASE64, seconds);
    let gateway = reach(&alga.gateway, BODY, seconds);
    drop(alga);
    let process = OwnProcess::start();
    let confined = reach(&process.gateway, BODY, seconds);
    drop(process);
    let peer = |peer: Peer| reach(&(peer.address, get("/", "")), BODY, seconds);
    [
        Some(bare),
        Some(http),
        Some(execute),
        Some(gateway),
        Some(confined),
        Peer::wasmtime().map(peer),
        Peer::wasmcloud().map(peer),
    ]
}

/// Measures a server with each load.
fn reach((address, request): &Load, expected: &str, seconds: u64) -> Reached {
    let order = Order {
        address: *address,
        request,
        expected,
        seconds,
        rate: None,
    };
    let fastest = order.send(LOAD_CORE);
    let rate = Some(fastest.requests_per_second / 2.0);
    let half = Order { rate, ..order }.send(LOAD_CORE);
    Reached { fastest, half }
}
