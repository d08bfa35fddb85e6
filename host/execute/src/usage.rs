//! What an execution used.

use alga_bundle::ExecutionTotals;
use alga_capabilities::HostCalls;
use alga_errors::Code;
use serde::{Deserialize, Serialize};

/// Resources that an execution used: the `usage` object. The processor time that the host spent on
/// behalf of the guest is `cpu_us - guest_cpu_us`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Time from the request's arrival to the response, in microseconds.
    pub duration_us: u64,
    /// Time in which the guest, or the host on its behalf, was running, in microseconds.
    pub cpu_us: u64,
    /// Part of `cpu_us` in which the guest's own code ran, in microseconds. The rest is the host's:
    /// creating the instance, copying between both, and functions that the guest called.
    #[serde(default)]
    pub guest_cpu_us: u64,
    /// Time for which the execution waited, in microseconds: to start, while its install, its
    /// tenant or the runner was at a limit, and then for run slots. A tenant that uses more than
    /// others waits longer.
    #[serde(default)]
    pub queued_us: u64,
    /// Peak memory of the guest in bytes: the sum of all its memories and tables.
    pub memory_peak_bytes: u64,
    /// Number of calls to the host.
    pub host_calls: u64,
    /// Numbers of calls by interface, with dropped handles of its resources.
    #[serde(default)]
    pub host_calls_by: HostCalls,
    /// Bytes of the request's body, as far as it was received.
    #[serde(default)]
    pub request_bytes: u64,
    /// Bytes of the response's body, as far as it was passed on.
    #[serde(default)]
    pub response_bytes: u64,
    /// Bytes sent to other hosts.
    pub egress_bytes: u64,
    /// Bytes received from other hosts.
    pub ingress_bytes: u64,
    /// Fuel that the guest used, if the runner counts it: about one for each instruction. The same
    /// request to the same extension uses the same amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// True if the component had to be loaded first.
    pub cold: bool,
}

impl Usage {
    /// Returns the peak of memory times the duration, in KiB times milliseconds.
    pub(crate) fn memory_kib_ms(&self) -> u64 {
        let memory = u128::from(self.memory_peak_bytes) * u128::from(self.duration_us);
        u64::try_from(memory.div_ceil(1024 * 1000)).unwrap_or(u64::MAX)
    }

    /// Returns the sums of this execution alone.
    pub(crate) fn totals(&self) -> ExecutionTotals {
        let mut totals = ExecutionTotals {
            executions: 1,
            cold: u64::from(self.cold),
            duration_us: self.duration_us,
            cpu_us: self.cpu_us,
            guest_cpu_us: self.guest_cpu_us,
            queued_us: self.queued_us,
            memory_peak_bytes: self.memory_peak_bytes,
            memory_kib_ms: self.memory_kib_ms(),
            host_calls: self.host_calls,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            egress_bytes: self.egress_bytes,
            ingress_bytes: self.ingress_bytes,
            ..ExecutionTotals::default()
        };
        totals.count_duration(self.duration_us);
        totals
    }
}

/// Name of the outcome of an execution whose guest responds that it failed.
pub(crate) const SERVER_ERROR: &str = "5xx";

/// Returns the name of an execution's outcome: `2xx` to `5xx` for a status, or the code of the
/// error.
pub(crate) fn outcome(result: Result<u16, Code>) -> &'static str {
    match result {
        Ok(..300) => "2xx",
        Ok(300..400) => "3xx",
        Ok(400..500) => "4xx",
        Ok(_) => SERVER_ERROR,
        Err(code) => code.as_str(),
    }
}
