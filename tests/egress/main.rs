//! Outbound HTTP (egress) against real sockets: a canary that must never be reached, and origins
//! that misbehave.
//!
//! The tests have a resolver of their own; addresses are loopback, which only the operator's
//! exceptions permit.

mod canary;
mod hold;
mod origin;
mod tls;
mod world;
