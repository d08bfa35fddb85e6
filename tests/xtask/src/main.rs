//! `cargo xtask`: the only entry point for building, checking, testing, benchmarks and the demo.

mod bench;
mod debian;
mod demo;
mod dist;
mod engine;
mod engine_source;
mod foreign_guests;
mod guests;
mod host_page;
mod limits;
mod postgres;
mod pressure;
mod progress;
mod python;
mod shell;
mod soak;
mod suite;
mod tidy;
mod vendor_wit;
mod web;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of this repository
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, start the platform, publish and install three examples, call one of them,
    /// serve until Ctrl-C
    Demo(demo::Arguments),
    /// Run every check and every test
    Test,
    /// Renew everything that tests compare: generated files, snapshots, expected responses
    Bless,
    /// Check the invariants of host/README.md
    Tidy,
    /// Build the example and test extensions into components
    Guests,
    /// Build the JavaScript engine and replace the committed one
    Engine,
    /// Build the adapters of adapters/components and replace the committed ones
    Adapters,
    /// Run a benchmark; without a name, list the benchmarks
    Bench(bench::Arguments),
    /// Run a campaign for as many rounds as requested; without a name, list the campaigns
    Soak(soak::Arguments),
    /// Generate the Rust SDK's bindings from wit/
    Bindings,
    /// Build the programs as they are shipped, with their debug information in separate files
    Dist,
    /// Generate guest-sdk/LIMITS.md from the table of limits, or check that it is current
    Limits(limits::Arguments),
    /// Build the npm packages of guest-sdk, or check that what is committed is what they build
    Web(web::Arguments),
    /// Copy the WASI packages from the pinned wasmtime into wit/deps, or check that they match
    VendorWit(vendor_wit::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test => suite::run(),
        Task::Bless => suite::bless(),
        Task::Tidy => tidy::run(),
        Task::Guests => guests::build_all().and_then(|()| foreign_guests::build_all()),
        Task::Engine => engine::build(false),
        Task::Adapters => guests::adapters(false),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Bindings => shell::execute(&mut shell::cargo(&["run", "--quiet", "--package", "alga-bindings"])),
        Task::Dist => dist::run(),
        Task::Limits(arguments) => limits::run(&arguments),
        Task::Web(arguments) => web::run(&arguments),
        Task::VendorWit(arguments) => vendor_wit::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::report(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
