//! The way out against real sockets: a canary that must never be reached, and origins that misbehave.
//!
//! Names are answered by a resolver of the tests; addresses are loopback, which only the operator's exceptions let through.

mod canary;
mod hold;
mod origin;
mod tls;
mod world;
