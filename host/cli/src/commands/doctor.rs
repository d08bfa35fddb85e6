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
what is not as it should be. It does not start, migrate or change anything; in the object store it creates one object and
deletes it. Ends with 1 if something failed; warnings are no failure.";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let config = arguments.settings.load()?;
    let findings = Runtime::new().internal_error("")?.block_on(examine(&config));
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
    let remedy = remedy.as_ref().map(|remedy| format!("\n         remedy: {remedy}"));
    format!("{:<7}  {subject}: {text}{}", state.as_str(), remedy.unwrap_or_default())
}
