//! `cargo xtask bench`: the only entry point to every benchmark.

use crate::debian;
use crate::foreign_guests;
use crate::guests;
use crate::postgres::Postgres;
use crate::progress::execute_build;
use crate::python;
use crate::shell::{Outcome, cargo, execute, report, step, target};
use crate::web;
use alga_toolchain::Size;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Benchmark to run
    name: Option<String>,
    /// Print `{machine, commit, figures}` as JSON
    #[arg(long)]
    json: bool,
    /// Build with the profile of releases, with link-time optimization: for figures that are
    /// published
    #[arg(long)]
    dist: bool,
    /// Seconds for each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
}

struct Bench {
    name: &'static str,
    what: &'static str,
    /// Packages of guests that the benchmark runs.
    guests: &'static [&'static str],
}

const BENCHES: [Bench; 12] = [
    Bench {
        name: "capabilities",
        what: "cost of a grant, a host call, egress and storage, compared with the layer below",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "connections",
        what: "memory and latency of idle, streaming and slow connections",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "density",
        what: "memory of idle installs, first requests, and throughput of 10 000 installs in turn",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "execute",
        what: "POST /v1/execute of a warm runner, compared with a bare handler and with the call without HTTP",
        guests: &["example-hello"],
    },
    Bench {
        name: "gateway",
        what: "one component behind the runner, behind the gateway, and behind `wasmtime serve`",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "ui",
        what: "a file of a page, compared with nginx on the same core; frames, calls and tables in a browser",
        guests: &["alga-test-guests", "example-agreements"],
    },
    Bench {
        name: "languages",
        what: "a component of another world behind its adapters, compared with one of this platform's world",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "neighbours",
        what: "latency of a tenant, alone and beside others whose extensions do their worst",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "observability",
        what: "throughput of a runner with traces, a reader of live events, records and scrapes, compared with none",
        guests: &["example-hello"],
    },
    Bench {
        name: "tenants",
        what: "memory of a runner that executes for a million tenants, each once",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "principals",
        what: "cost of a cached principal, and whether the time of a refusal depends on a secret",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "registry",
        what: "reading and verifying a bundle, publishing one, listing many",
        guests: &["example-hello"],
    },
];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let Some(name) = &arguments.name else {
        for bench in &BENCHES {
            report(&format!("{:<12} {}", bench.name, bench.what));
        }
        return Ok(());
    };
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.ok_or_else(|| format!("unknown benchmark `{name}`; run without a name to list them"))?;
    let profile = if arguments.dist { "dist" } else { "release" };
    step(&format!(
        "building with profile `{profile}` (the first build needs some minutes)"
    ));
    execute_build(&mut cargo(&[
        "build",
        "--profile",
        profile,
        "--package",
        "alga-bench",
        "--package",
        "alga-compiler",
    ]))?;
    for guests in bench.guests {
        guests::build(&[guests], Size::Smallest)?;
    }
    if bench.name == "languages" {
        foreign_guests::build_all()?;
    }
    step("measuring");
    let mut command = Command::new(target().join(profile).join("alga-bench"));
    if bench.name == "ui" {
        debian::ensure("nginx", "nginx-light")?;
        debian::ensure("chromium", "chromium")?;
        web::ensure_packages()?;
        web::for_tests(&mut command)?;
    }
    if bench.name == "gateway" {
        command.env("ALGA_WASMTIME", python::wasmtime()?);
    }
    // A gateway in a process of its own shares its database; many installs are found again by its
    // notifications.
    let postgres = match bench.name {
        "gateway" | "connections" | "density" => Some(Postgres::start("bench")?),
        _ => None,
    };
    if let Some(postgres) = &postgres {
        command.env("ALGA_TEST_POSTGRES", postgres.url());
    }
    command.arg(name).args(["--seconds", &arguments.seconds.to_string()]);
    if arguments.json {
        command.arg("--json");
    }
    execute(&mut command)
}
