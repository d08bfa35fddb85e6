//! Tables in Markdown.

use super::Report;
use crate::peers::{PER_CORE, SIDES};
use serde_json::Value;
use std::fmt::Write;

/// Host with which all others are compared.
const COMPARED: &str = "wasmtime serve";

/// Returns the requests per second of each side that was measured.
pub(super) fn rates(peers: &Report) -> Vec<(String, f64)> {
    let rate = |side: &&str| Some(((**side).to_owned(), peers.value(&format!("{side}: {PER_CORE}"))?));
    SIDES.iter().filter_map(rate).collect()
}

/// Returns the table of hosts.
pub(super) fn headline(peers: &Report) -> String {
    let rates = rates(peers);
    let compared = rates.iter().find(|(side, _)| side == COMPARED);
    let mut text = format!(
        "| one component, one core | requests per second | of `{COMPARED}` | p50 at half load | p99 |\n\
         |---|---:|---:|---:|---:|\n"
    );
    for (side, rate) in &rates {
        let ratio = compared.map_or("-".to_owned(), |(_, of)| format!("{:.2}", rate / of));
        let time = |what: &str| {
            let value = peers.value(&format!("{side}: {what} at half load"));
            value.map_or("-".to_owned(), |value| format!("{value:.0} µs"))
        };
        writeln!(
            text,
            "| {side} | {rate:.0} | {ratio} | {} | {} |",
            time("p50"),
            time("p99")
        )
        .unwrap();
    }
    text
}

/// Returns the page with all results.
pub(super) fn page(about: &Value, headline: Option<&str>, curves: &[(String, String)], reports: &[Report]) -> String {
    let mut text = String::from(
        "# Results of `cargo xtask bench all`\n\n\
         Written by that command. Client and server have a core each; every ratio is of one run.\n\n",
    );
    for (name, value) in about.as_object().into_iter().flatten() {
        writeln!(text, "- {name}: {}", value.as_str().unwrap_or("-")).unwrap();
    }
    text.push('\n');
    if let Some(headline) = headline {
        write!(text, "{headline}\n![requests per second per core](peers.svg)\n\n").unwrap();
    }
    text += &missed(reports);
    text += "Where the time of a request goes: by stages in `budget` below, by functions in the \
             [flame graph](flame.svg) of `cargo xtask bench flame`.\n\n";
    for (series, file) in curves {
        writeln!(text, "![growth with {series}]({file})").unwrap();
    }
    for report in reports {
        write!(
            text,
            "\n## {}\n\n{}{}",
            report.name,
            other_commit(about, report),
            figures(report)
        )
        .unwrap();
    }
    text
}

/// Returns a line about a benchmark that ran again, with another commit than the first one.
fn other_commit(about: &Value, report: &Report) -> String {
    match report.json["commit"].as_str() {
        Some(commit) if about["commit"] != commit => format!("Measured with commit {commit}.\n\n"),
        _ => String::new(),
    }
}

/// Returns the list of missed targets.
fn missed(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        for (name, figure) in named(report) {
            if figure["met"] == false {
                writeln!(
                    text,
                    "- {}: {name}: {} {} ({})",
                    report.name,
                    number(figure),
                    unit(figure),
                    target(figure)
                )
                .unwrap();
            }
        }
    }
    match text.as_str() {
        "" => "All targets are met.\n\n".to_owned(),
        _ => format!("Targets that are missed:\n\n{text}\n"),
    }
}

fn figures(report: &Report) -> String {
    if let Some(error) = report.json["error"].as_str() {
        return format!("No result: {error}.\n");
    }
    let mut text = "| figure | value | unit | target | |\n|---|---:|---|---|---|\n".to_owned();
    for (name, figure) in named(report) {
        let met = match figure["met"].as_bool() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        writeln!(
            text,
            "| {name} | {} | {} | {} | {met} |",
            number(figure),
            unit(figure),
            target(figure)
        )
        .unwrap();
    }
    text
}

/// Returns the figures in the order in which they were measured.
fn named(report: &Report) -> impl Iterator<Item = (&str, &Value)> {
    let names = report.json["names"].as_array().into_iter().flatten();
    names.filter_map(|name| Some((name.as_str()?, report.json["figures"].get(name.as_str()?)?)))
}

fn number(figure: &Value) -> String {
    let value = figure["value"].as_f64().unwrap_or_default();
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn unit(figure: &Value) -> &str {
    figure["unit"].as_str().unwrap_or_default()
}

fn target(figure: &Value) -> String {
    figure["target"]
        .as_str()
        .unwrap_or_default()
        .replace(">=", "≥")
        .replace("<=", "≤")
}
