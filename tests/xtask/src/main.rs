//! `cargo xtask`: the one door to building, checking, testing, measuring and showing.

mod bench;
mod debian;
mod demo;
mod dist;
mod foreign_guests;
mod guests;
mod limits;
mod postgres;
mod progress;
mod python;
mod shell;
mod soak;
mod suite;
mod tidy;
mod vendor_wit;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Everything that is done to this repository, by name.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, start the platform, publish and install an example, send it a request, keep serving until Ctrl-C
    Demo(demo::Arguments),
    /// Run every check and every test there is
    Test,
    /// Check the invariants of host/README.md
    Tidy,
    /// Build the example and test extensions into components
    Guests,
    /// Measure; without a name, list what there is
    Bench(bench::Arguments),
    /// Run a campaign for as long as you say; without a name, list what there is
    Soak(soak::Arguments),
    /// Generate the Rust SDK's bindings from wit/
    Bindings,
    /// Build the programs as they are shipped, with their debug information in files of its own
    Dist,
    /// Write guest-sdk/LIMITS.md from the one table of limits, or check that it is the same
    Limits(limits::Arguments),
    /// Copy the WASI packages from the pinned wasmtime into wit/deps, or check that they are the same
    VendorWit(vendor_wit::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test => suite::run(),
        Task::Tidy => tidy::run(),
        Task::Guests => guests::build_all().and_then(|()| foreign_guests::build_all()),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Bindings => shell::execute(&mut shell::cargo(&["run", "--quiet", "--package", "alga-bindings"])),
        Task::Dist => dist::run(),
        Task::Limits(arguments) => limits::run(&arguments),
        Task::VendorWit(arguments) => vendor_wit::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
