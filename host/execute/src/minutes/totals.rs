//! Executions since the process began, as metrics without the names of tenants.

use crate::Usage;
use alga_bundle::{DURATION_BOUNDS_US, ExecutionTotals};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Sums of all installs.
#[derive(Default)]
pub(super) struct ProcessTotals {
    all: ExecutionTotals,
    /// Executions by outcome.
    outcomes: BTreeMap<&'static str, u64>,
    /// Calls to the host by interface.
    host_calls: BTreeMap<&'static str, u64>,
    /// Fuel, if the runner counts it.
    fuel: Option<u64>,
}

impl ProcessTotals {
    pub(super) fn count(&mut self, outcome: &'static str, usage: &Usage, totals: &ExecutionTotals) {
        self.all.add(totals);
        *self.outcomes.entry(outcome).or_default() += 1;
        self.add_fuel(usage.fuel);
        for (interface, calls) in usage.host_calls_by.called() {
            *self.host_calls.entry(interface).or_default() += u64::from(calls);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.all.add(&other.all);
        self.add_fuel(other.fuel);
        for (outcome, executions) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += executions;
        }
        for (interface, calls) in &other.host_calls {
            *self.host_calls.entry(interface).or_default() += calls;
        }
    }

    fn add_fuel(&mut self, fuel: Option<u64>) {
        if let Some(fuel) = fuel {
            self.fuel = Some(self.fuel.unwrap_or(0).saturating_add(fuel));
        }
    }

    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        if let Some(fuel) = self.fuel {
            writeln!(text, "alga_execution_fuel_total {fuel}").ok();
        }
        // Writing to a string cannot fail.
        for (outcome, executions) in &self.outcomes {
            writeln!(text, "alga_executions_total{{outcome=\"{outcome}\"}} {executions}").ok();
        }
        for (interface, calls) in &self.host_calls {
            writeln!(text, "alga_host_calls_total{{interface=\"{interface}\"}} {calls}").ok();
        }
        let all = &self.all;
        let host_us = all.cpu_us.saturating_sub(all.guest_cpu_us);
        for (series, microseconds) in [
            ("cpu_seconds_total{by=\"guest\"}", all.guest_cpu_us),
            ("cpu_seconds_total{by=\"host\"}", host_us),
            ("queued_seconds_total", all.queued_us),
        ] {
            writeln!(text, "alga_execution_{series} {}", seconds(microseconds)).ok();
        }
        for (name, number) in [
            ("cold_total", all.cold),
            ("request_bytes_total", all.request_bytes),
            ("response_bytes_total", all.response_bytes),
            ("egress_bytes_total", all.egress_bytes),
            ("ingress_bytes_total", all.ingress_bytes),
            ("memory_peak_bytes_max", all.memory_peak_bytes),
        ] {
            writeln!(text, "alga_execution_{name} {number}").ok();
        }
        self.render_durations(&mut text);
        text
    }

    fn render_durations(&self, text: &mut String) {
        let name = "alga_execution_duration_seconds";
        let mut executions = 0_u64;
        for (bound, count) in DURATION_BOUNDS_US.iter().zip(self.all.durations) {
            executions = executions.saturating_add(count);
            writeln!(text, "{name}_bucket{{le=\"{}\"}} {executions}", seconds(*bound)).ok();
        }
        let all = self.all.executions;
        writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}").ok();
        writeln!(text, "{name}_sum {}", seconds(self.all.duration_us)).ok();
        writeln!(text, "{name}_count {all}").ok();
    }
}

fn seconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64()
}
