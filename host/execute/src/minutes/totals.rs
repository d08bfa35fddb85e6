//! Executions since the process began, as metrics without the names of tenants.

use crate::Usage;
use alga_bundle::{DURATION_BOUNDS_US, ExecutionTotals};
use alga_metrics::{Buckets, Families, Observed};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Upper bounds in seconds: from a slice of a run slot to the longest wait.
const QUEUED_SECONDS: [f64; 8] = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5];
/// Upper bounds in bytes: from a page to the largest memory that is allowed by default.
const MEMORY_BYTES: [f64; 7] = [
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];

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
    /// Seconds for which executions waited.
    queued: Buckets<{ QUEUED_SECONDS.len() }>,
    /// Bytes of the largest memory of each execution.
    memory: Buckets<{ MEMORY_BYTES.len() }>,
}

impl ProcessTotals {
    pub(super) fn count(&mut self, outcome: &'static str, usage: &Usage, totals: &ExecutionTotals) {
        self.all.add(totals);
        *self.outcomes.entry(outcome).or_default() += 1;
        self.add_fuel(usage.fuel);
        self.queued.observe(&QUEUED_SECONDS, seconds(usage.queued_us));
        self.memory.observe(&MEMORY_BYTES, usage.memory_peak_bytes as f64);
        for (interface, calls) in usage.host_calls_by.called() {
            *self.host_calls.entry(interface).or_default() += u64::from(calls);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.all.add(&other.all);
        self.add_fuel(other.fuel);
        self.queued.add(&other.queued);
        self.memory.add(&other.memory);
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

    /// Writes the families of all executions.
    pub(super) fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let outcomes = self
            .outcomes
            .iter()
            .map(|(outcome, count)| ([("outcome", *outcome)], *count));
        families.counters("alga_executions", "Executions that ended, by outcome", outcomes)?;
        let calls = self
            .host_calls
            .iter()
            .map(|(name, count)| ([("interface", *name)], *count));
        families.counters(
            "alga_host_calls",
            "Calls of extensions to the host, by interface",
            calls,
        )?;
        let all = &self.all;
        families.histogram(
            "alga_execution_duration_seconds",
            "Time from the arrival of a request to the end of its response",
            &durations(all),
        )?;
        let help = "Time for which an execution waited to start, and then for run slots";
        families.histogram(
            "alga_execution_queued_seconds",
            help,
            &self.queued.observed(&QUEUED_SECONDS),
        )?;
        let help = "Largest memory of an execution: all its memories and tables";
        families.histogram(
            "alga_execution_memory_peak_bytes",
            help,
            &self.memory.observed(&MEMORY_BYTES),
        )?;
        let host_us = all.cpu_us.saturating_sub(all.guest_cpu_us);
        families.counters(
            "alga_execution_cpu_seconds",
            "Processor time of executions, of the guest and of the host on its behalf",
            [
                ([("by", "guest")], seconds(all.guest_cpu_us)),
                ([("by", "host")], seconds(host_us)),
            ],
        )?;
        if let Some(fuel) = self.fuel {
            families.counter("alga_execution_fuel", "Fuel that guests used", fuel)?;
        }
        families.counter(
            "alga_execution_cold",
            "Executions whose component had to be loaded",
            all.cold,
        )?;
        let bytes = [
            ("request", all.request_bytes),
            ("response", all.response_bytes),
            ("egress", all.egress_bytes),
            ("ingress", all.ingress_bytes),
        ];
        families.counters(
            "alga_execution_bytes",
            "Bytes of bodies of requests and responses, and to and from other hosts (egress, ingress)",
            bytes.map(|(kind, count)| ([("kind", kind)], count)),
        )
    }
}

/// Returns the durations, whose bounds are those of the sums by minute.
fn durations(all: &ExecutionTotals) -> Observed {
    let bounds = DURATION_BOUNDS_US.iter().map(|bound| seconds(*bound));
    Observed {
        sum: seconds(all.duration_us),
        count: all.executions,
        buckets: bounds.zip(all.durations).collect(),
    }
}

fn seconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64()
}
