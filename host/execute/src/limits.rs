//! What one request may cost. The caller may ask for less, never for more.

use std::time::Duration;

/// Bytes of a request's or response's body, decoded.
pub const BODY_BYTES: usize = 10 * 1024 * 1024;
/// Bytes of the JSON of `POST /v1/execute`: a full body in base64, headers and context.
pub const WIRE_BYTES: usize = BODY_BYTES / 3 * 4 + 1024 * 1024;
/// Time in which a request's body must have arrived: a client that sends a byte a minute holds a connection and memory.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers of a request or response.
pub const HEADERS: usize = 100;
/// Bytes of all headers of a request or response.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Bytes of path and query.
pub const TARGET_BYTES: usize = 8 * 1024;
/// Bytes of what is said of a user.
pub const USER_BYTES: usize = 16 * 1024;
/// Bytes of an install's configuration: keys and values.
pub const CONFIG_BYTES: usize = 64 * 1024;

/// Time and memory of an execution.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionDefaults {
    /// Time when the caller does not say.
    pub timeout: Duration,
    /// The most time a caller can ask for.
    pub timeout_ceiling: Duration,
    /// Memory in bytes when the caller does not say.
    pub memory_bytes: usize,
    /// The most memory in bytes that a caller can ask for: all memories of an execution together.
    pub memory_ceiling_bytes: usize,
}

impl Default for ExecutionDefaults {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            timeout_ceiling: Duration::from_secs(30),
            memory_bytes: 64 * 1024 * 1024,
            memory_ceiling_bytes: 128 * 1024 * 1024,
        }
    }
}

impl ExecutionDefaults {
    /// The time for an execution that asks for this many milliseconds.
    #[must_use]
    pub fn timeout(&self, asked_ms: Option<u64>) -> Duration {
        asked_ms
            .map_or(self.timeout, |asked| Duration::from_millis(asked.max(1)))
            .min(self.timeout_ceiling)
    }

    /// The memory in bytes for an execution that asks for this many MiB.
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
    fn what_a_caller_asks_for_is_clamped() {
        let defaults = ExecutionDefaults::default();
        assert_eq!(defaults.timeout(None), Duration::from_secs(5));
        assert_eq!(defaults.timeout(Some(u64::MAX)), Duration::from_secs(30));
        assert_eq!(defaults.timeout(Some(0)), Duration::from_millis(1));
        assert_eq!(defaults.memory_bytes(Some(u64::MAX)), 128 * 1024 * 1024);
        assert_eq!(defaults.memory_bytes(Some(8)), 8 * 1024 * 1024);
    }
}
