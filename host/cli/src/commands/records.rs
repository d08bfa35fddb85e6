use crate::client::OperatorArguments;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use alga_bundle::{RequestId, TenantId};
use alga_registry_types::{Execution, ExecutionsQuery, some_executions};
use clap::Args;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

mod columns;
mod export;
mod parquet_file;

use export::{Export, Format};

pub(crate) const EXAMPLE: &str = "\
Examples:
  alga records --tenant demo
  alga records com.example.hello --tenant demo --outcome guest_trapped --since 2h
  alga records --tenant demo --endpoint 'GET /agreements/:id' --min-ms 500 --json
  alga records --tenant demo --since 7d --output records.parquet
  alga records --tenant demo --since 2026-11-01T00:00Z --until 2026-11-02T00:00Z --format csv > records.csv

An execution has a record if it failed, wrote a log or was slow, or as a sample; `alga installs statistics` counts all
of them, with percentiles of their durations. CSV and Parquet have columns for the fields of a record, and the calls by
interface and the log as JSON; JSON Lines has the objects of the registry's API. A file is there only when it is complete.";

/// Number of records that are shown, if no number is given and nothing is exported.
const SHOWN: u64 = 20;
/// Number of records of one request: each has up to 64 KiB.
const PAGE: u32 = 100;
/// Interval between progress messages.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Extension name, extension id or install id; without it, all of the tenant
    extension: Option<String>,
    /// Tenant whose executions are read
    #[arg(long)]
    tenant: TenantId,
    /// Only the executions of this request (`x-request-id`)
    #[arg(long)]
    request: Option<RequestId>,
    /// Only those at this endpoint of the manifest, such as 'GET /agreements/:id'
    #[arg(long)]
    endpoint: Option<String>,
    /// Only those with this outcome: 2xx, 3xx, 4xx, 5xx or an error code, such as guest_trapped
    #[arg(long)]
    outcome: Option<String>,
    /// Only those that ended since this time (RFC 3339), or within a span such as 30m, 2h or 7d
    #[arg(long, value_parser = time)]
    since: Option<Timestamp>,
    /// Only those that ended before this time, or before a span ago
    #[arg(long, value_parser = time)]
    until: Option<Timestamp>,
    /// Only those that lasted at least so many milliseconds
    #[arg(long)]
    min_ms: Option<u32>,
    /// Only those that lasted at most so many milliseconds
    #[arg(long)]
    max_ms: Option<u32>,
    /// Maximum number of records, the newest first; by default 20, and all if they are exported
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Export the records in this format; by default the one of the name of --output
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to export to, in place of standard output (`-`)
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let query = query(arguments)?;
    let Some(format) = format(arguments, printer)? else {
        return show(arguments, query, printer);
    };
    let mut export = Export::begin(format, arguments.output.as_deref())?;
    let limit = arguments.limit.unwrap_or(u64::MAX);
    let count = read(arguments, query, limit, printer, |page| export.write(&page))?;
    export.finish()?;
    printer.note(&format!("exported {count} records"));
    Ok(())
}

fn show(arguments: &Arguments, query: ExecutionsQuery, printer: &Printer) -> Outcome {
    let mut all = Vec::new();
    let limit = arguments.limit.unwrap_or(SHOWN);
    read(arguments, query, limit, printer, |page| {
        all.extend(page);
        Ok(ControlFlow::Continue(()))
    })?;
    printer.output(&all, || match &all[..] {
        [] => "no record matches".to_owned(),
        all => super::log::all(all),
    });
    Ok(())
}

/// Returns the conditions that the arguments name.
fn query(arguments: &Arguments) -> Outcome<ExecutionsQuery> {
    let Arguments { since, until, .. } = arguments;
    if since.zip(*until).is_some_and(|(since, until)| since >= until) {
        return Err(CliError::user("--since is not before --until"));
    }
    Ok(ExecutionsQuery {
        request: arguments.request.clone(),
        endpoint: arguments.endpoint.clone(),
        outcome: arguments.outcome.clone(),
        from_ms: since.map(Timestamp::as_millisecond),
        to_ms: until.map(Timestamp::as_millisecond),
        min_duration_us: arguments.min_ms.map(|ms| i64::from(ms) * 1000),
        max_duration_us: arguments.max_ms.map(|ms| i64::from(ms) * 1000),
        ..Default::default()
    })
}

/// Returns the format of an export, or `None` if the records are shown.
fn format(arguments: &Arguments, printer: &Printer) -> Outcome<Option<Format>> {
    let file = arguments.output.as_deref().filter(|path| path.as_os_str() != "-");
    let named = file.map(Format::of_file);
    let format = match (arguments.format, named) {
        (Some(format), _) => Some(format),
        (None, Some(format)) => Some(format.ok_or_else(|| {
            CliError::user("the name of --output has no known format").with_hint("pass --format csv, jsonl or parquet")
        })?),
        (None, None) if arguments.output.is_some() => {
            return Err(
                CliError::user("standard output has no format").with_hint("pass --format csv, jsonl or parquet")
            );
        }
        (None, None) => None,
    };
    if format.is_some() && printer.is_json() {
        return Err(CliError::user(
            "--json shows records, --format and --output export them: pass one of both",
        ));
    }
    if format == Some(Format::Parquet) && file.is_none() && std::io::stdout().is_terminal() {
        return Err(CliError::user("Parquet is not text").with_hint("pass --output with the name of a file"));
    }
    Ok(format)
}

/// Reads at most `limit` records page by page, and passes each page on. Returns their number.
fn read(
    arguments: &Arguments,
    mut query: ExecutionsQuery,
    limit: u64,
    printer: &Printer,
    mut receive: impl FnMut(Vec<Execution>) -> Outcome<ControlFlow<()>>,
) -> Outcome<u64> {
    let (mut count, mut reported) = (0, Instant::now());
    loop {
        let remaining = limit.saturating_sub(count);
        query.limit = Some(u32::try_from(remaining).unwrap_or(PAGE).min(PAGE));
        let list = some_executions(&arguments.tenant, arguments.extension.as_deref(), &query);
        let page = arguments.operator.run(&list)?;
        count += page.executions.len() as u64;
        let flow = receive(page.executions)?;
        query.after = page.next;
        if query.after.is_none() || count >= limit || flow.is_break() {
            return Ok(count);
        }
        if reported.elapsed() >= PROGRESS_INTERVAL {
            printer.note(&format!("… {count} records"));
            reported = Instant::now();
        }
    }
}

/// Parses a time, or a span before now.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let span: Span = text
        .parse()
        .map_err(|_| "expected a time such as 2026-11-01T00:00Z, or a span such as 30m, 2h or 7d".to_owned())?;
    // In UTC, in which every day has 24 hours. `2h ago` is a negative span.
    let time = Timestamp::now()
        .to_zoned(TimeZone::UTC)
        .checked_sub(span.abs())
        .map_err(|error| error.to_string())?
        .timestamp();
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_a_span_before_now() {
        let hours = |text: &str| {
            (Timestamp::now() - time(text).unwrap())
                .total(jiff::Unit::Minute)
                .unwrap()
                / 60.0
        };
        for (text, expected) in [
            ("30m", 0.5),
            ("2h", 2.0),
            ("2h ago", 2.0),
            ("-2h", 2.0),
            ("7d", 168.0),
            ("1w", 168.0),
        ] {
            assert!((hours(text) - expected).abs() < 0.1, "{text}: {}", hours(text));
        }
        let fixed = time("2026-11-01T00:00Z").unwrap();
        assert_eq!(fixed.as_millisecond(), 1_793_491_200_000);
        for wrong in ["", "yesterday", "2026-11-01", "7"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
