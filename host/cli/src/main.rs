//! The `alga` command: builds, signs, publishes, installs and calls extensions, and runs the
//! platform.

mod assets;
mod client;
mod commands;
mod escape;
mod files;
mod javascript;
mod live;
mod oci;
mod outcome;
mod page;
mod page_check;
mod printer;
mod python;
mod reference;
mod release_files;
mod settings;
mod symbols;
mod target;

use clap::Parser;
use commands::Command;
use outcome::{ErrorContext, Fault, Outcome};
use printer::Printer;
use std::process::ExitCode;

/// Build, sign, publish, install and run extensions.
///
/// Exit codes: 0 success, 1 user error, 2 internal error.
#[derive(Parser)]
#[command(name = "alga", version, after_help = EXAMPLE)]
struct Arguments {
    /// Print results as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "Quick start:
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
        Err(error) => return not_parsed(&error),
    };
    let printer = Printer::new(arguments.json);
    let ended = arguments.command.run(&printer);
    let written = printer
        .failure()
        .map_or(Ok(()), Err)
        .user_error("could not write to standard output");
    match ended.and(written) {
        Outcome::Ok(()) => ExitCode::SUCCESS,
        Outcome::Err(error) => {
            printer.error(&error);
            ExitCode::from(match error.fault {
                Fault::User => 1,
                Fault::Internal => 2,
            })
        }
    }
}

/// Prints help or version and succeeds, or prints an error about the command line and fails as a
/// user error. The error is escaped, because it quotes arguments that may come from an untrusted
/// source.
fn not_parsed(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        Printer::new(false).note(error.render().to_string().trim_end());
        return ExitCode::from(1);
    }
    match error.print() {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that closed the pipe needs no more output.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            Printer::new(false).note(&format!("error: could not write to standard output: {error}"));
            ExitCode::from(1)
        }
    }
}
