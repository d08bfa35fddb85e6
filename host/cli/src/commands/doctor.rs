use crate::escape::escape_line;
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use crate::settings::Settings;
use alga_server::{Finding, FindingState, examine};
use clap::Args;
use tokio::runtime::Runtime;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga doctor
  alga doctor --config alga.toml --json

Run it where `alga serve` runs, with the same settings, user and limits (in the same container or service). It examines the
machine, the database, the object store, the compiler, the identity provider and the other processes, and names a remedy for
what is not as it should be. It does not start, migrate or change anything; in the object store a registry's creates one
object and deletes it. Ends with 1 if something failed; warnings are no failure.";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let config = arguments.settings.load()?;
    let runtime = Runtime::new().internal_error("")?;
    let findings = runtime.block_on(examine(&config));
    // A name that is still asked for would be waited for.
    runtime.shutdown_background();
    printer.output(&findings, || findings.iter().map(lines).collect::<Vec<_>>().join("\n"));
    let failed = findings.iter().filter(|finding| finding.state == FindingState::Failed);
    match failed.count() {
        0 => Ok(()),
        1 => Err(CliError::user("1 check failed")),
        failed => Err(CliError::user(format!("{failed} checks failed"))),
    }
}

fn lines(finding: &Finding) -> String {
    let Finding {
        subject,
        state,
        text,
        remedy,
    } = finding;
    let remedy = remedy
        .as_ref()
        .map(|remedy| format!("\n         remedy: {}", escape_line(remedy)));
    let (state, text) = (state.as_str(), escape_line(text));
    format!("{state:<7}  {subject}: {text}{}", remedy.unwrap_or_default())
}
