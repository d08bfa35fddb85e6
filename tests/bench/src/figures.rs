//! Output format: `{machine, commit, names: […], figures: {name: {value, unit, target, met}}}`.

use crate::machine::machine;
use serde_json::{Map, Value, json};
use std::process::Command;

/// Target value of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    None,
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Default)]
pub(crate) struct Figures(Vec<(String, f64, &'static str, Target)>);

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Target) {
        self.0.push((name.into(), value, unit, target));
    }

    /// Returns a figure that was added.
    pub(crate) fn value(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(other, ..)| other == name);
        found.expect("it was added").1
    }

    /// Adds all figures of another list.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn json(&self) -> String {
        let mut figures = Map::new();
        for (name, value, unit, target) in &self.0 {
            let (wanted, met) = compare(*value, *target);
            figures.insert(
                name.clone(),
                json!({ "value": value, "unit": unit, "target": wanted, "met": met }),
            );
        }
        // The members of an object have no order.
        let names: Vec<_> = self.0.iter().map(|(name, ..)| name).collect();
        let report = json!({
            "machine": machine(), "commit": output("git", &["rev-parse", "--short", "HEAD"]),
            "names": names, "figures": figures,
        });
        serde_json::to_string_pretty(&report).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", machine());
        for (name, value, unit, target) in &self.0 {
            let (wanted, met) = compare(*value, *target);
            let verdict = match met {
                Value::Bool(true) => "met",
                Value::Bool(false) => "MISSED",
                _ => "",
            };
            text += &format!(
                "{name:<46} {value:>12.3} {unit:<10} {:<10} {verdict}\n",
                wanted.as_str().unwrap_or_default()
            );
        }
        text
    }
}

fn compare(value: f64, target: Target) -> (Value, Value) {
    match target {
        Target::None => (Value::Null, Value::Null),
        Target::AtLeast(least) => (json!(format!(">= {least}")), json!(value >= least)),
        Target::AtMost(most) => (json!(format!("<= {most}")), json!(value <= most)),
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
