use crate::client::OperatorArguments;
use crate::escape::escape_line;
use crate::live::{self, Followed, Live, Received};
use crate::outcome::Outcome;
use crate::printer::Printer;
use crate::symbols::Symbols;
use alga_bundle::TenantId;
use alga_registry_types::{Page, executions};
use clap::Args;
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga logs com.example.hello --tenant demo
  alga logs --tenant demo --follow
  alga logs com.example.hello --tenant demo --follow --executions 1 --json

Without --follow, shows executions of the last week that failed, were slow, wrote a log, or are samples. With it, shows what
executions do while they run, in the runner at --server: records (log, stdout, stderr, host), calls of capabilities, and
outcomes. The connection is opened again when it ends, and continues where it was.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Extension name, extension id or install id; without it, all of the tenant (with --follow)
    #[arg(required_unless_present = "follow")]
    extension: Option<String>,
    /// Tenant whose executions are shown
    #[arg(long)]
    tenant: TenantId,
    /// Show what executions do while they run, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Show one request only, and end with it
    #[arg(long, requires = "follow")]
    request: Option<String>,
    /// End after this many executions
    #[arg(long, requires = "follow", value_parser = clap::value_parser!(u64).range(1..))]
    executions: Option<u64>,
    /// Maximum number of executions
    #[arg(long, default_value_t = 20, conflicts_with = "follow", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// File of `alga build --symbols`, with the names of the functions in backtraces
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    symbols: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    match &arguments.extension {
        Some(extension) if !arguments.follow => {
            let page = Page {
                after: None,
                limit: Some(arguments.limit),
            };
            // Before the request: a file that cannot be read is no reason to wait.
            let symbols = arguments.symbols.as_deref().map(Symbols::read).transpose()?;
            let mut log = arguments
                .operator
                .run(&executions(&arguments.tenant, extension, &page))?;
            if let Some(symbols) = symbols {
                let records = log.executions.iter_mut().flat_map(|execution| &mut execution.log);
                for record in records.filter(|record| record.source == "host") {
                    record.message = symbols.name_frames(&record.message);
                }
            }
            printer.output(&log, || super::log::all(&log.executions));
            Ok(())
        }
        _ => follow(arguments, printer),
    }
}

fn follow(arguments: &Arguments, printer: &Printer) -> Outcome {
    let filters = [("install", &arguments.extension), ("request", &arguments.request)];
    let filters = filters.into_iter();
    let followed = Followed {
        tenant: &arguments.tenant,
        filters: filters
            .filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
            .collect(),
        tick: Duration::MAX,
    };
    let mut ended = 0;
    live::follow(&arguments.operator, &followed, printer, |live| {
        let Live::Event(event) = live else {
            return ControlFlow::Continue(());
        };
        printer.output(&event, || line_of(&event));
        ended += u64::from(event.event == "outcome");
        let is_over = ended >= arguments.executions.unwrap_or(u64::MAX) || (arguments.request.is_some() && ended > 0);
        if is_over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// Formats an event as a line. Its name always comes before text of the guest.
fn line_of(event: &Received) -> String {
    let at = event.data.get("at_ms").and_then(Value::as_i64).unwrap_or_default();
    let at = jiff::Timestamp::from_millisecond(at).map(|at| at.to_string());
    let head = format!(
        "{} {} {:<7}",
        at.unwrap_or_default(),
        event.text("request"),
        escape_line(&event.event)
    );
    match event.event.as_str() {
        "missed" => format!(
            "… {} events were missed: this reader was too slow",
            event.text("events")
        ),
        "restart" => "… what happened since the last connection is unknown".to_owned(),
        "call" => format!("{head} {}", event.text("interface")),
        "outcome" => {
            let ms = |name| event.usage(name) as f64 / 1000.0;
            let (duration, cpu) = (ms("duration_us"), ms("cpu_us"));
            format!(
                "{head} {} in {duration:.1} ms, {cpu:.1} ms of processor time",
                event.text("outcome")
            )
        }
        _ => {
            let fields = event
                .data
                .get("fields")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            let fields = fields.map(|(name, value)| {
                let value = value.as_str().unwrap_or_default();
                format!(" {}={}", escape_line(name), escape_line(value))
            });
            format!(
                "{head} {:<5} {}{}",
                event.text("level"),
                event.text("message"),
                fields.collect::<String>()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(lines: &[&str]) -> String {
        let mut event = Received::default();
        lines.iter().for_each(|line| event.add(line));
        line_of(&event)
    }

    #[test]
    fn events_are_lines_on_which_a_guests_text_cannot_pass_for_another_event() {
        let record = r#"data: {"at_ms":0,"request":"r-1","level":"info","message":"a\nb\u001b[2J","fields":{"k":"v"}}"#;
        assert_eq!(
            line(&["id: 1-1", "event: log", record]),
            "1970-01-01T00:00:00Z r-1 log     info  a\\nb\\u{1b}[2J k=v"
        );
        let outcome = r#"data: {"at_ms":0,"request":"r-1","outcome":"2xx","usage":{"duration_us":2500,"cpu_us":900}}"#;
        assert_eq!(
            line(&["event: outcome", outcome]),
            "1970-01-01T00:00:00Z r-1 outcome 2xx in 2.5 ms, 0.9 ms of processor time"
        );
        let missed = line(&["event: missed", r#"data: {"events":7}"#]);
        assert_eq!(missed, "… 7 events were missed: this reader was too slow");
    }
}
