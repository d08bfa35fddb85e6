//! `bench languages`: a component of another world behind its adapters, compared with one of this
//! platform's own world that does the same.

use crate::figures::{Figures, Target};
use crate::javascript::{self, p50_us};
use alga_capabilities::{adapt_function, adapt_legacy};
use alga_harness::{ExecuteRequest, Release, TestPlatform, component};

/// Three bytes of the request's body in base64, and how often they are repeated: 1 kB.
const BODY_BASE64: &str = "eHh4";
const BODY_PARTS: usize = 341;
/// Rounds; both sides are measured in each, so that other load on the machine affects both.
const ROUNDS: usize = 9;

pub(crate) fn run(figures: &mut Figures) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(adapters(figures));
    runtime.block_on(wasi_0_3(figures));
    runtime.block_on(javascript::compact(figures));
    runtime.block_on(javascript::whole_engines(figures));
}

async fn adapters(figures: &mut Figures) {
    let world = TestPlatform::with_settings(&[("pool", "64")]).await;
    let old = adapt_legacy(&component("echoes_in_the_old_world")).unwrap().unwrap();
    let whole = adapt_function(&component("echoes_as_a_function")).unwrap().unwrap();
    let direct = request(&world, "com.example.direct", &component("echoes")).await;
    let old = request(&world, "com.example.old", &old).await;
    let whole = request(&world, "com.example.whole", &whole.component).await;
    let rounds = rounds([(&world, &direct), (&world, &old), (&world, &whole)]).await;
    let median = |of: &dyn Fn(&[f64; 3]) -> f64| median(&rounds, of);
    for (name, place) in [
        ("execute with 1 kB, direct, p50", 0),
        ("the same, old ABI behind adapters", 1),
        ("the same, whole values behind an adapter", 2),
    ] {
        figures.add(name, median(&|times| times[place]), "us", Target::None);
    }
    let of_direct = |place: usize| median(&|times| times[place] / times[0]);
    figures.add("old ABI / direct", of_direct(1), "ratio", Target::AtMost(1.3));
    figures.add("whole values / direct", of_direct(2), "ratio", Target::AtMost(1.3));
}

/// Measures the call of a component of WASI 0.3, and what the operator's switch costs others. No
/// instance is used again, as with WASI 0.2.
async fn wasi_0_3(figures: &mut Figures) {
    let off = TestPlatform::with_settings(&[("pool", "64")]).await;
    let on = TestPlatform::with_settings(&[("pool", "64"), ("wasi_0_3", "true")]).await;
    let name = "com.example.hello";
    let without = request(&off, name, &component("answers_ok")).await;
    let beside = request(&on, name, &component("answers_ok")).await;
    let manifest = Release::manifest("com.example.async", "1.0.0", &["cap:http.fetch"]);
    let release = Release::new(on.key(), &manifest, &component("works_in_wasi_0_3"));
    on.publish(&release).await;
    let install = on.install("acme", &release, &["cap:http.fetch"]).await.ok();
    let hello = on.request_for(&install).on("GET", "/hello");
    let rounds = rounds([(&off, &without), (&on, &beside), (&on, &hello)]).await;
    let median = |of: &dyn Fn(&[f64; 3]) -> f64| median(&rounds, of);
    figures.add("WASI 0.3: execute, p50", median(&|times| times[2]), "us", Target::None);
    for (name, ratio) in [
        ("WASI 0.3 / 0.2", median(&|times| times[2] / times[1])),
        (
            "WASI 0.2, with 0.3 enabled / disabled",
            median(&|times| times[1] / times[0]),
        ),
    ] {
        figures.add(name, ratio, "ratio", Target::None);
    }
}

/// Measures the median times of three requests in each round.
async fn rounds(all: [(&TestPlatform, &ExecuteRequest); 3]) -> Vec<[f64; 3]> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut times = [0.0; 3];
        for (time, (world, request)) in times.iter_mut().zip(all) {
            *time = p50_us(world, request).await;
        }
        // The first round loads and warms up.
        if round > 0 {
            rounds.push(times);
        }
    }
    rounds
}

fn median(rounds: &[[f64; 3]], of: &dyn Fn(&[f64; 3]) -> f64) -> f64 {
    let mut all: Vec<_> = rounds.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[ROUNDS / 2]
}

async fn request(world: &TestPlatform, name: &str, component: &[u8]) -> ExecuteRequest {
    let manifest = Release::manifest(name, "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, component);
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    let request = world.request_for(&install).on("POST", "/").within_ms(5_000);
    request.with("/http/body_b64", BODY_BASE64.repeat(BODY_PARTS).into())
}
