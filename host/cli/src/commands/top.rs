use crate::client::OperatorArguments;
use crate::live::{self, Followed, Live};
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_bundle::TenantId;
use alga_registry_types::{Page, installs};
use clap::Args;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

mod totals;

use totals::Totals;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga top --tenant demo
  alga top --tenant demo --interval 10 --json
  alga top --tenant demo --executions 100

Shows the installs of a tenant, those first that use most processor time: their calls in each second, the longest time
of half and of 99 of 100 of their last 1000 calls, processor time, failed calls, memory, and bytes to other hosts. Counts what ends in
the runner at --server while the command runs. With --json, prints an object at each interval.";

/// Sequence that moves a terminal's cursor to its first line and clears it from there.
const CLEAR: &[u8] = b"\x1b[H\x1b[J";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Tenant whose installs are shown
    #[arg(long)]
    tenant: TenantId,
    /// Seconds between two views
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// End after this many executions
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    executions: Option<u64>,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let interval = Duration::from_secs(arguments.interval);
    let followed = Followed {
        tenant: &arguments.tenant,
        filters: vec![("event", "outcome")],
        tick: interval,
    };
    let mut totals = Totals::new(names(arguments)?);
    let (mut shown, mut executions) = (Instant::now(), 0);
    live::follow(&arguments.operator, &followed, printer, |live| {
        if let Live::Event(event) = live {
            executions += u64::from(event.event == "outcome");
            totals.add(&event);
        }
        let is_over = executions >= arguments.executions.unwrap_or(u64::MAX);
        if is_over || shown.elapsed() >= interval {
            show(&mut totals, shown.elapsed(), printer);
            shown = Instant::now();
        }
        if is_over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// Returns the names of the extensions by the ids of their installs.
fn names(arguments: &Arguments) -> Outcome<HashMap<String, String>> {
    let (mut names, mut after): (_, Option<String>) = (HashMap::new(), None);
    loop {
        let page = Page {
            after: after.as_deref(),
            limit: Some(200),
        };
        let list = arguments.operator.run(&installs(&arguments.tenant, &page))?;
        let found = list.installs.iter();
        names.extend(found.map(|install| (install.id.to_string(), install.name.to_string())));
        match list.next {
            Some(next) => after = Some(next.to_string()),
            None => return Ok(names),
        }
    }
}

fn show(totals: &mut Totals, time: Duration, printer: &Printer) {
    let view = totals.view(time);
    if !printer.is_json() && std::io::stdout().is_terminal() {
        printer.raw(CLEAR);
    }
    printer.output(&view, || view.table());
}
