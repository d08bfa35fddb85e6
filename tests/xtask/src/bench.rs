//! `cargo xtask bench`: the only entry point to every benchmark.

mod all;
mod flame;
mod regress;

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

/// A file system in memory.
const MEMORY_DIRECTORY: &str = "/dev/shm";
/// Bytes that a database of a million tenants needs at most.
const MEMORY_BYTES: u64 = 4 << 30;

#[derive(Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Benchmark to run; `all` runs each and writes tests/bench/results; `regress` compares the
    /// instructions of a request with the committed ones; `flame` draws where the time of one goes
    name: Option<String>,
    /// Print `{machine, commit, figures}` as JSON
    #[arg(long)]
    json: bool,
    /// Build with the profile of releases, with link-time optimization: for figures that are
    /// published; `regress` always does
    #[arg(long)]
    dist: bool,
    /// Seconds for each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// With `regress`: commit to these instructions
    #[arg(long)]
    bless: bool,
}

struct Bench {
    name: &'static str,
    what: &'static str,
    /// Packages of guests that the benchmark runs.
    guests: &'static [&'static str],
}

const BENCHES: [Bench; 15] = [
    Bench {
        name: "peers",
        what: "one component behind this platform and behind other hosts, beside a handler without one",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "budget",
        what: "where the time of a request goes, by stages that add up to it",
        guests: &["alga-test-guests"],
    },
    Bench {
        name: "growth",
        what: "latency and memory against installs, tenants, bodies, capabilities and log lines",
        guests: &["alga-test-guests"],
    },
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
        guests: &["alga-test-guests", "alga-async-guests"],
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
        report(&format!(
            "{:<13} every benchmark below, with results in tests/bench/results",
            "all"
        ));
        report(&format!(
            "{:<13} instructions of a request, compared with the committed ones",
            "regress"
        ));
        report(&format!(
            "{:<13} where the time of a request goes, by functions, as a flame graph",
            "flame"
        ));
        for bench in &BENCHES {
            report(&format!("{:<13} {}", bench.name, bench.what));
        }
        return Ok(());
    };
    match name.as_str() {
        "all" => return all::run(arguments),
        "flame" => return flame::run(arguments),
        "regress" => return regress::run(arguments),
        _ => {}
    }
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.ok_or_else(|| format!("unknown benchmark `{name}`; run without a name to list them"))?;
    build(arguments)?;
    bench.prepare()?;
    step("measuring");
    let (mut command, _postgres) = bench.command(arguments)?;
    if arguments.json {
        command.arg("--json");
    }
    execute(&mut command)
}

fn build(arguments: &Arguments) -> Outcome {
    let profile = arguments.profile();
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
        "--package",
        "alga",
    ]))
}

impl Arguments {
    fn profile(&self) -> &'static str {
        if self.dist { "dist" } else { "release" }
    }

    /// Returns the program of all benchmarks, with the hosts that they compare.
    fn program(&self) -> Command {
        Command::new(target().join(self.profile()).join("alga-bench"))
    }
}

impl Bench {
    /// Builds the guests and installs the programs that the benchmark needs.
    fn prepare(&self) -> Outcome {
        for guests in self.guests {
            guests::build(&[guests], Size::Smallest)?;
        }
        match self.name {
            "languages" => foreign_guests::build_all(),
            "ui" => {
                debian::ensure("nginx", "nginx-light")?;
                debian::ensure("chromium", "chromium")?;
                web::ensure_packages()
            }
            _ => Ok(()),
        }
    }

    /// Returns the command, and the database that it needs while it runs.
    fn command(&self, arguments: &Arguments) -> Outcome<(Command, Option<Postgres>)> {
        let mut command = arguments.program();
        command
            .arg(self.name)
            .args(["--seconds", &arguments.seconds.to_string()]);
        match self.name {
            "ui" => drop(web::for_tests(&mut command)?),
            "gateway" | "peers" => drop(with_hosts(&mut command)?),
            // A database on a disk would be written for each of a million tenants.
            "tenants" if has_memory_directory() => drop(command.env("TMPDIR", MEMORY_DIRECTORY)),
            _ => {}
        }
        // A gateway in a process of its own shares its database; many installs are found again by
        // its notifications.
        let postgres = match self.name {
            "gateway" | "connections" | "density" => Some(Postgres::start("bench")?),
            _ => None,
        };
        if let Some(postgres) = &postgres {
            command.env("ALGA_TEST_POSTGRES", postgres.url());
        }
        Ok((command, postgres))
    }
}

/// Reports whether there is a file system in memory with space for a database.
fn has_memory_directory() -> bool {
    let found = rustix::fs::statvfs(MEMORY_DIRECTORY);
    found.is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) >= MEMORY_BYTES)
}

/// Sets the hosts that are compared with this platform, and installs those that are missing.
fn with_hosts(command: &mut Command) -> Outcome<&mut Command> {
    Ok(command
        .env("ALGA_WASMTIME", python::wasmtime()?)
        .env("ALGA_WASH", python::wash()?))
}
