//! Benchmarks. Each prints figures next to those they are compared with, measured in the same run,
//! on cores pinned apart.

mod allocations;
mod budget;
mod capabilities;
mod connections;
mod density;
mod drivers;
mod execute;
mod figures;
mod gateway;
mod growth;
mod holder;
mod instructions;
mod javascript;
mod languages;
mod load;
mod machine;
mod neighbours;
mod observability;
mod own_gateway;
mod own_process;
mod peers;
mod principals;
mod registry;
mod report;
mod servers;
mod tenants;
mod timing;
mod ui;

use clap::{Parser, ValueEnum};
use figures::Figures;
use std::path::PathBuf;

/// Benchmark to run
#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// POST /v1/execute of a warm runner, compared with a bare handler and with the call without
    /// HTTP
    Execute,
    /// Grants, host calls, egress and storage
    Capabilities,
    /// One component behind this platform and behind other hosts, beside a handler without one
    Peers,
    /// Where the time of a request goes
    Budget,
    /// Latency and memory against installs, tenants, bodies, capabilities and log lines
    Growth,
    /// The same component behind the runner, the gateway and the bare runtime's own server
    Gateway,
    /// A file of a page and the same file from nginx; frames, calls and tables in a browser
    Ui,
    /// Memory and latency of many connections
    Connections,
    /// Memory and latency of many installs
    Density,
    /// A component of another world behind its adapters
    Languages,
    /// Memory of a runner that executes for a million tenants, each once
    Tenants,
    /// Cost of an authenticated principal, and whether the time of a refusal depends on a secret
    Principals,
    /// Latency of a tenant beside others whose extensions do their worst
    Neighbours,
    /// Cost of traces, live events, records and scrapes
    Observability,
    /// Reading, verifying, publishing and listing
    Registry,
    /// One point of a curve of growth, in a separate process
    #[value(hide = true)]
    GrowthPoint,
    /// Requests whose instructions are counted
    #[value(hide = true)]
    Instructions,
    /// Results of all benchmarks as Markdown, JSON and SVG
    #[value(hide = true)]
    Report,
    /// The load of a benchmark, in a separate process: its threads must not share memory mappings
    /// with the server
    #[value(hide = true)]
    Load,
    /// A gateway in a process of its own
    #[value(hide = true)]
    OwnGateway,
    /// A client at a fixed rate, or one as fast as it can be, in a separate process
    #[value(hide = true)]
    Drive,
    /// Clients that hold connections, in a separate process
    #[value(hide = true)]
    Hold,
}

#[derive(Parser)]
struct Arguments {
    name: Name,
    #[arg(long)]
    json: bool,
    /// Seconds for each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Directory with the reports of benchmarks, that for the results, and the README
    #[arg(long, hide = true, num_args = 3)]
    paths: Vec<PathBuf>,
    /// Entry and number of the requests whose instructions are counted
    #[arg(long, hide = true, default_value = "/v1/http")]
    entry: String,
    #[arg(long, hide = true, default_value_t = 0)]
    requests: usize,
    /// Curve and point that are measured
    #[arg(long, hide = true, default_value = "")]
    series: String,
    #[arg(long, hide = true, default_value_t = 0)]
    point: usize,
    /// Pipe on which perf receives the order to begin
    #[arg(long, hide = true)]
    control: Option<PathBuf>,
}

fn main() {
    let arguments = Arguments::parse();
    let mut figures = Figures::default();
    match arguments.name {
        Name::Execute => execute::run(&mut figures, arguments.seconds),
        Name::Capabilities => capabilities::run(&mut figures, arguments.seconds),
        Name::Peers => peers::run(&mut figures, arguments.seconds),
        Name::Budget => budget::run(&mut figures, arguments.seconds),
        Name::Growth => growth::run(&mut figures),
        Name::Gateway => gateway::run(&mut figures, arguments.seconds),
        Name::Ui => ui::run(&mut figures, arguments.seconds),
        Name::Connections => connections::run(&mut figures, arguments.seconds),
        Name::Languages => languages::run(&mut figures),
        Name::Tenants => tenants::run(&mut figures),
        Name::Density => density::run(&mut figures, arguments.seconds),
        Name::Principals => principals::run(&mut figures),
        Name::Registry => registry::run(&mut figures, arguments.seconds),
        Name::Observability => observability::run(&mut figures, arguments.seconds),
        Name::Neighbours => neighbours::run(&mut figures, arguments.seconds),
        Name::GrowthPoint => return growth::serve_parent(&arguments.series, arguments.point),
        Name::Instructions => {
            let Arguments { entry, requests, .. } = &arguments;
            return instructions::run(entry, *requests, arguments.control.as_deref());
        }
        Name::Report => {
            let [from, into, readme] = &arguments.paths[..] else {
                panic!("three paths are needed");
            };
            return report::write(from, into, readme);
        }
        Name::OwnGateway => return own_gateway::serve_parent(),
        Name::Drive => return drivers::serve_parent(),
        Name::Hold => return holder::serve_parent(),
        Name::Load => return load::serve_parent(arguments.seconds),
    }
    println!("{}", if arguments.json { figures.json() } else { figures.text() });
}
