//! Results of `cargo xtask bench all` as Markdown, JSON and SVG.

mod plot;
mod tables;

use crate::{growth, peers};
use plot::Line;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Marks around the headline table in the README.
const BEGIN: &str = "<!-- bench: written by `cargo xtask bench all` -->\n";
const END: &str = "<!-- /bench -->\n";

/// Report of one benchmark, as it printed it.
struct Report {
    name: String,
    json: Value,
}

impl Report {
    /// Returns the value of a figure.
    fn value(&self, figure: &str) -> Option<f64> {
        self.json["figures"][figure]["value"].as_f64()
    }
}

/// Reads the reports in a directory, in the order of their numbers, and writes the results into
/// another one and the headline into the README.
pub(crate) fn write(from: &Path, into: &Path, readme: &Path) {
    let reports = read(from);
    fs::create_dir_all(into).unwrap();
    let mut about = about(&reports);
    about["instructions of a request (callgrind)"] = instructions(&into.join("instructions.json")).into();
    let all: Map<String, Value> = reports
        .iter()
        .map(|report| (report.name.clone(), report.json["figures"].clone()))
        .collect();
    let json = json!({ "about": about, "benchmarks": all });
    fs::write(
        into.join("results.json"),
        serde_json::to_string_pretty(&json).unwrap() + "\n",
    )
    .unwrap();
    let find = |name: &str| reports.iter().find(|report| report.name == name);
    let headline = find("peers")
        .filter(|peers| peers.json["figures"].is_object())
        .map(|peers| {
            plot::bars(&into.join("peers.svg"), peers::PER_CORE, &tables::rates(peers));
            tables::headline(peers)
        });
    let growth = find("growth").filter(|growth| growth.json["figures"].is_object());
    let curves = growth.map(|growth| curves(into, growth)).unwrap_or_default();
    let text = tables::page(&about, headline.as_deref(), &curves, &reports);
    fs::write(into.join("README.md"), text).unwrap();
    if let Some(headline) = headline {
        let plot = into
            .strip_prefix(readme.parent().unwrap())
            .unwrap_or(into)
            .join("peers.svg");
        let plot = format!("![requests per second per core]({})", plot.display());
        replace(readme, &format!("\n{headline}\n{plot}\n"));
    }
}

fn read(from: &Path) -> Vec<Report> {
    let mut files: Vec<_> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let stem = file.file_stem().unwrap().to_string_lossy();
            let json = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            // Files are named `03-gateway.json`.
            let name = stem.split_once('-').map_or(&*stem, |(_, name)| name).to_owned();
            Report { name, json }
        })
        .collect()
}

/// Returns date, machine, commit and versions.
fn about(reports: &[Report]) -> Value {
    // A benchmark that failed has neither.
    let part = |name: &str| {
        let mut parts = reports.iter().map(|report| &report.json[name]);
        parts.find(|part| !part.is_null()).cloned().unwrap_or_default()
    };
    let version = |variable: &str| {
        let output = Command::new(std::env::var_os(variable)?)
            .arg("--version")
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    json!({
        "date": output("date", &["-u", "+%Y-%m-%d"]),
        "machine": part("machine"),
        "kernel": output("uname", &["-sr"]),
        "commit": part("commit"),
        "alga": format!("{}, with {}", env!("CARGO_PKG_VERSION"), alga_engine::settings::ENGINE_VERSION),
        "rust": output("rustc", &["--version"]),
        "wasmtime serve": version("ALGA_WASMTIME"),
        "wasmCloud": version("ALGA_WASH"),
    })
}

/// Returns what `cargo xtask bench regress` has counted last, of each entry.
fn instructions(file: &Path) -> Option<String> {
    let counted: Map<String, Value> = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let counted: Vec<_> = counted
        .iter()
        .map(|(entry, number)| format!("{entry} {number}"))
        .collect();
    Some(counted.join(", "))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Draws each curve of `bench growth`; returns the names of the files.
fn curves(into: &Path, growth: &Report) -> Vec<(String, String)> {
    growth::SERIES
        .iter()
        .enumerate()
        .map(|(number, (series, unit, _))| {
            let file = format!("growth-{}.svg", number + 1);
            let line = |what: &str| points(growth, series, what);
            let lines = [
                Line::new("p50, us", line("p50")),
                Line::new("p99, us", line("p99")),
                Line::new("resident memory, MiB", line("resident memory")),
            ];
            plot::lines(&into.join(&file), &format!("{series} ({unit})"), &lines);
            ((*series).to_owned(), file)
        })
        .collect()
}

/// Returns the points of a curve, in the order of what grows.
fn points(growth: &Report, series: &str, what: &str) -> Vec<(f64, f64)> {
    let figures = growth.json["figures"].as_object().unwrap();
    let mut points: Vec<_> = figures
        .iter()
        .filter_map(|(name, figure)| {
            let rest = name.strip_prefix(series)?.trim_start();
            let (value, measured) = rest.split_once(": ")?;
            let is_asked = measured == what;
            is_asked.then(|| Some((value.parse().ok()?, figure["value"].as_f64()?)))?
        })
        .collect();
    points.sort_by(|(one, _): &(f64, f64), (other, _)| one.total_cmp(other));
    points
}

/// Replaces the headline between its marks.
fn replace(readme: &Path, headline: &str) {
    let text = fs::read_to_string(readme).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark at the begin of the headline");
    let (_, after) = rest.split_once(END).expect("the mark at the end of the headline");
    fs::write(readme, format!("{before}{BEGIN}{headline}{END}{after}")).unwrap();
}
