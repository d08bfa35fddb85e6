//! Time and memory limits of one request. The caller may request less, never more.

use std::num::NonZeroU64;
use std::time::Duration;

use alga_limits::{BODY_BYTES, Ceilings, MEMORY_DEFAULT_MB, MIB, TIMEOUT_CEILING_MS, TIMEOUT_DEFAULT_MS};

/// Maximum bytes of the JSON of `POST /v1/execute`: a full body in base64, headers and context.
pub const WIRE_BYTES: usize = BODY_BYTES / 3 * 4 + 1024 * 1024;

/// Default and maximum time and memory of an execution.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionDefaults {
    /// Time if the caller requests none.
    pub timeout: Duration,
    /// Maximum time that a caller can request.
    pub timeout_ceiling: Duration,
    /// Memory in bytes if the caller requests none.
    pub memory_bytes: usize,
    /// Maximum memory in bytes that a caller can request: all memories of an execution together.
    pub memory_ceiling_bytes: usize,
    /// Fuel of an execution, if this host counts it.
    pub fuel: Option<NonZeroU64>,
}

impl Default for ExecutionDefaults {
    fn default() -> Self {
        Self::below(&Ceilings::default())
    }
}

impl ExecutionDefaults {
    /// Returns the defaults of a host with these ceilings.
    #[must_use]
    pub fn below(ceilings: &Ceilings) -> Self {
        let memory_ceiling_bytes = ceilings.memory_bytes();
        Self {
            timeout: Duration::from_millis(u64::from(TIMEOUT_DEFAULT_MS)),
            timeout_ceiling: Duration::from_millis(u64::from(TIMEOUT_CEILING_MS)),
            memory_bytes: (MEMORY_DEFAULT_MB as usize * MIB).min(memory_ceiling_bytes),
            memory_ceiling_bytes,
            fuel: None,
        }
    }

    /// Returns the time for an execution that requests this many milliseconds.
    #[must_use]
    pub fn timeout(&self, asked_ms: Option<u64>) -> Duration {
        asked_ms
            .map_or(self.timeout, |asked| Duration::from_millis(asked.max(1)))
            .min(self.timeout_ceiling)
    }

    /// Returns the memory in bytes for an execution that requests this many MiB.
    #[must_use]
    pub fn memory_bytes(&self, asked_mb: Option<u64>) -> usize {
        let asked = asked_mb.map(|asked| {
            usize::try_from(asked.max(1))
                .unwrap_or(usize::MAX)
                .saturating_mul(1024 * 1024)
        });
        asked.unwrap_or(self.memory_bytes).min(self.memory_ceiling_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::ExecutionDefaults;
    use std::time::Duration;

    #[test]
    fn requested_time_and_memory_limits_are_clamped() {
        let defaults = ExecutionDefaults::default();
        assert_eq!(defaults.timeout(None), Duration::from_secs(5));
        assert_eq!(defaults.timeout(Some(u64::MAX)), Duration::from_secs(30));
        assert_eq!(defaults.timeout(Some(0)), Duration::from_millis(1));
        assert_eq!(defaults.memory_bytes(Some(u64::MAX)), 256 * 1024 * 1024);
        assert_eq!(defaults.memory_bytes(None), 64 * 1024 * 1024);
        assert_eq!(defaults.memory_bytes(Some(8)), 8 * 1024 * 1024);
    }
}
