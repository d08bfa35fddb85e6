//! The `alga` command: extensions from an empty folder to an answer, and the platform that runs them.

mod client;
mod commands;
mod files;
mod oci;
mod outcome;
mod printer;

use clap::Parser;
use commands::Command;
use outcome::{Blamed, Outcome};
use printer::Printer;
use std::process::ExitCode;

/// Build, sign, publish, install and run extensions.
///
/// Exit codes: 0 done, 1 something you can change, 2 something we must change.
#[derive(Parser)]
#[command(name = "alga", version, after_help = EXAMPLE)]
struct Arguments {
    /// Print facts as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "From nothing to an answer:
  alga new hello && cd hello
  alga keygen --publisher example
  alga build
  alga pack && alga sign
  alga serve --dev --trust-bundle trust.json --dev-tenant demo      (in another terminal)
  alga publish && alga install --tenant demo
  alga call com.example.hello/hello/you";

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are an answer; a wrong command line is the user's to change.
            let code = if error.use_stderr() {
                ExitCode::from(1)
            } else {
                ExitCode::SUCCESS
            };
            error.print().ok();
            return code;
        }
    };
    let printer = Printer::new(arguments.json);
    match arguments.command.run(&printer) {
        Outcome::Ok(()) => ExitCode::SUCCESS,
        Outcome::Err(error) => {
            printer.error(&error);
            ExitCode::from(match error.blamed {
                Blamed::User => 1,
                Blamed::Us => 2,
            })
        }
    }
}
