//! Limits of connections.

use crate::{Config, Role};
use alga_auth::ServiceGrant;
use alga_limits::{HEADER_BYTES, TARGET_BYTES};
use std::time::Duration;

/// Limits for clients that are not authenticated yet.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Time for a client to send its headers, and for a connection to be idle.
    pub headers: Duration,
    /// Time for a client to accept a part of a response: one that reads nothing holds up to 10 MiB.
    pub stall: Duration,
    /// The same for one of the responses of an HTTP/2 connection, which is then closed. `None` if
    /// other clients' requests share the connection.
    pub stream_stall: Option<Duration>,
    /// Time for a client of HTTP/1.1 to receive a response to a request that was not read to its
    /// end, and to close the connection.
    pub linger: Duration,
    /// Time for an HTTP/2 connection without a request: longer than that for which a gateway holds
    /// an unused connection.
    pub idle: Duration,
    /// Maximum bytes of a request's head.
    pub head_bytes: usize,
    /// Maximum concurrent requests of one HTTP/2 connection.
    pub streams: u32,
    /// Maximum concurrent connections; each uses a file descriptor and about 20 KiB.
    pub connections: usize,
    /// The same for one address, or one IPv6 network of 64 bits: a quarter of all.
    pub connections_per_address: usize,
    /// Time for requests in progress after the signal to stop: the longest execution.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            stream_stall: Some(Duration::from_secs(30)),
            linger: Duration::from_secs(2),
            idle: Duration::from_secs(60),
            // Target and fields at their limits, doubled.
            head_bytes: 2 * (TARGET_BYTES + HEADER_BYTES),
            streams: 100,
            connections: 4_096,
            connections_per_address: 1_024,
            drain: Duration::from_secs(30),
        }
    }
}

impl ServeLimits {
    /// Returns the limits of a process with this configuration.
    #[must_use]
    pub fn configured(config: &Config) -> Self {
        Self {
            connections: config.connections.total,
            connections_per_address: config.connections.per_address,
            ..Self::of(config.role)
        }
    }

    /// Returns the limits of a process with this role. The clients of a runner of its own are
    /// gateways, whose service tokens are larger than the heads of callers' requests.
    #[must_use]
    pub fn of(role: Role) -> Self {
        let limits = Self::default();
        if role != Role::Runner {
            return limits;
        }
        // A gateway sends all its requests over one connection, so one client that does not read
        // must not close it: the gateway drops that client, and executions end at their deadlines.
        Self {
            stream_stall: None,
            head_bytes: limits.head_bytes + ServiceGrant::BYTES,
            streams: 1_024,
            ..limits
        }
    }
}
