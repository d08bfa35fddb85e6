use crate::client::OperatorArguments;
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_bundle::Digest;
use alga_registry_types::{CrashedExtension, lift_quarantine, quarantined};
use clap::{Args, Subcommand};
use jiff::Timestamp;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga quarantine list
  alga quarantine lift sha256:0f3c…

A runner marks the extensions whose code runs where a crash does not erase it. When it starts again, it counts the crash:
an extension that was marked alone is the cause; of several, each is a suspect, and of all suspects one runs at a time.
After three crashes within an hour of each other an extension is refused with 503 `quarantined`, first for a minute, then
for 5, 30 and 180, then for a day. An hour without a crash ends the suspicion.";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List extensions that were executing when a runner crashed, the latest first
    List,
    /// Lift the quarantine of an extension and delete its crashes
    Lift {
        /// Content hash of its bundle
        content_hash: Digest,
    },
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let operator = &arguments.operator;
    match &arguments.action {
        Action::List => {
            let listed = operator.run(&quarantined())?;
            printer.output(&listed, || match &listed.extensions[..] {
                [] => "no runner crashed while it executed an extension".to_owned(),
                extensions => extensions.iter().map(line).collect::<Vec<_>>().join("\n"),
            });
            Ok(())
        }
        Action::Lift { content_hash } => {
            operator.run(&lift_quarantine(content_hash))?;
            printer.output(&(), || format!("{content_hash} executes again"));
            Ok(())
        }
    }
}

fn line(extension: &CrashedExtension) -> String {
    let at = |ms: i64| Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string());
    let state = extension.quarantined_until_ms.map_or_else(
        || "not quarantined".to_owned(),
        |until| format!("quarantined until {}", at(until)),
    );
    let CrashedExtension {
        content_hash, crashes, ..
    } = extension;
    format!(
        "{content_hash}: {crashes} crashes, the last at {}, {state}",
        at(extension.last_at_ms)
    )
}
