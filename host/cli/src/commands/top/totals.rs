//! Sums of the executions of each install, and their table.

use crate::escape::escape_line;
use crate::live::Received;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Number of the last calls of an install from which percentiles are computed.
const CALLS: usize = 1_000;
/// Number of installs of which there are sums; events of others are counted together.
const INSTALLS: usize = 10_000;
/// Name of the installs beyond that number.
const OTHERS: &str = "others";

/// The sums of a tenant's installs.
pub(super) struct Totals {
    names: HashMap<String, String>,
    installs: HashMap<String, Sum>,
    missed: u64,
}

#[derive(Default)]
struct Sum {
    durations_us: VecDeque<u64>,
    now: Now,
}

/// Sums since the last view.
#[derive(Default)]
struct Now {
    calls: u64,
    failed: u64,
    cpu_us: u64,
    memory_peak_bytes: u64,
    egress_bytes: u64,
}

/// The installs of a tenant at one moment.
#[derive(Debug, Serialize)]
pub(super) struct View {
    calls_per_second: f64,
    missed_events: u64,
    installs: Vec<Line>,
}

/// One install at one moment.
#[derive(Debug, Serialize)]
struct Line {
    install: String,
    name: String,
    calls_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_percent: f64,
    failed_percent: f64,
    memory_peak_mib: f64,
    egress_bytes: u64,
}

impl Totals {
    pub(super) fn new(names: HashMap<String, String>) -> Self {
        Self {
            names,
            installs: HashMap::new(),
            missed: 0,
        }
    }

    /// Adds an event of the stream.
    pub(super) fn add(&mut self, event: &Received) {
        if event.event == "missed" {
            let number = event.data.get("events").and_then(serde_json::Value::as_u64);
            self.missed += number.unwrap_or_default();
        }
        if event.event != "outcome" {
            return;
        }
        let mut install = event.text("install");
        if self.installs.len() >= INSTALLS && !self.installs.contains_key(&install) {
            OTHERS.clone_into(&mut install);
        }
        let sum = self.installs.entry(install).or_default();
        if sum.durations_us.len() == CALLS {
            sum.durations_us.pop_front();
        }
        sum.durations_us.push_back(event.usage("duration_us"));
        let now = &mut sum.now;
        now.calls += 1;
        now.failed += u64::from(is_failure(&event.text("outcome")));
        now.cpu_us += event.usage("cpu_us");
        now.memory_peak_bytes = now.memory_peak_bytes.max(event.usage("memory_peak_bytes"));
        now.egress_bytes += event.usage("egress_bytes");
    }

    /// Returns the view of the time since the last one, and begins the next.
    pub(super) fn view(&mut self, time: Duration) -> View {
        let names = &self.names;
        let mut installs: Vec<_> = self
            .installs
            .iter_mut()
            .map(|(install, sum)| sum.line(install, names, time))
            .collect();
        let by_use = |one: &Line, other: &Line| {
            let by_cpu = other.cpu_percent.total_cmp(&one.cpu_percent);
            by_cpu.then_with(|| one.name.cmp(&other.name))
        };
        installs.sort_by(by_use);
        View {
            calls_per_second: installs.iter().map(|line| line.calls_per_second).sum(),
            missed_events: self.missed,
            installs,
        }
    }
}

/// True for an outcome that is neither a response of the extension that is its client's concern,
/// nor a client that has left.
fn is_failure(outcome: &str) -> bool {
    !matches!(outcome, "2xx" | "3xx" | "4xx" | "client_closed")
}

impl Sum {
    fn line(&mut self, install: &str, names: &HashMap<String, String>, time: Duration) -> Line {
        let now = std::mem::take(&mut self.now);
        let seconds = time.as_secs_f64().max(0.001);
        let mut durations: Vec<_> = self.durations_us.iter().copied().collect();
        durations.sort_unstable();
        let percentile = |percent: usize| {
            let place = (durations.len().saturating_sub(1) * percent + 50) / 100;
            durations.get(place).copied().unwrap_or_default() as f64 / 1e3
        };
        Line {
            install: install.to_owned(),
            name: names.get(install).map_or(install, String::as_str).to_owned(),
            calls_per_second: now.calls as f64 / seconds,
            p50_ms: percentile(50),
            p99_ms: percentile(99),
            cpu_percent: now.cpu_us as f64 / 1e4 / seconds,
            failed_percent: 100.0 * now.failed as f64 / now.calls.max(1) as f64,
            memory_peak_mib: now.memory_peak_bytes as f64 / f64::from(1 << 20),
            egress_bytes: now.egress_bytes,
        }
    }
}

impl View {
    /// Formats the view for a terminal.
    pub(super) fn table(&self) -> String {
        let mut lines = vec![format!("{:.1} calls per second", self.calls_per_second)];
        if self.missed_events > 0 {
            let events = self.missed_events;
            lines.push(format!("{events} events were missed: this reader was too slow"));
        }
        lines.push(format!(
            "{:>8} {:>9} {:>9} {:>6} {:>8} {:>11} {:>12}  extension",
            "calls/s", "p50 ms", "p99 ms", "CPU %", "failed %", "memory MiB", "egress bytes"
        ));
        lines.extend(self.installs.iter().map(Line::text));
        lines.join("\n")
    }
}

impl Line {
    fn text(&self) -> String {
        format!(
            "{:>8.1} {:>9.1} {:>9.1} {:>6.1} {:>8.1} {:>11.1} {:>12}  {}",
            self.calls_per_second,
            self.p50_ms,
            self.p99_ms,
            self.cpu_percent,
            self.failed_percent,
            self.memory_peak_mib,
            self.egress_bytes,
            escape_line(&self.name),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(install: &str, outcome: &str, duration_us: u64) -> Received {
        let usage =
            json!({ "duration_us": duration_us, "cpu_us": 1000, "memory_peak_bytes": 3 << 20, "egress_bytes": 7 });
        let data = json!({ "install": install, "outcome": outcome, "usage": usage });
        Received {
            id: String::new(),
            event: "outcome".to_owned(),
            data: data.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn installs_are_sorted_by_processor_time_and_rates_are_those_since_the_last_view() {
        let names = [("i-1".to_owned(), "com.example.one".to_owned())].into();
        let mut totals = Totals::new(names);
        totals.add(&outcome("i-1", "guest_trapped", 5_000));
        for duration_us in 1..=100 {
            totals.add(&outcome("i-2", "2xx", duration_us * 1_000));
        }
        let text = totals.view(Duration::from_secs(10)).table();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "10.1 calls per second");
        let busiest = "    10.0      51.0      99.0    1.0      0.0         3.0          700  i-2";
        assert_eq!(lines[2], busiest);
        let other = "     0.1       5.0       5.0    0.0    100.0         3.0            7  com.example.one";
        assert_eq!(lines[3], other);
        let later = totals.view(Duration::from_secs(10));
        assert_eq!(later.calls_per_second, 0.0);
        assert_eq!(later.installs.len(), 2);
    }

    #[test]
    fn the_sums_of_many_installs_and_calls_are_bounded() {
        let mut totals = Totals::new(HashMap::new());
        for number in 0..2 * INSTALLS {
            totals.add(&outcome(&format!("i-{number}"), "2xx", 1));
        }
        for _ in 0..2 * CALLS {
            totals.add(&outcome("i-0", "2xx", 1));
        }
        assert_eq!(totals.installs.len(), INSTALLS + 1);
        assert_eq!(totals.installs["i-0"].durations_us.len(), CALLS);
    }
}
