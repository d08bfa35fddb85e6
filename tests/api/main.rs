//! Tests of the platform's routes, called in process, with real guests.

mod attacks;
mod bodies;
mod capabilities;
mod compiler;
mod execute_bad_input;
mod execute_hostile_guests;
mod execute_isolation;
mod execute_works;
mod executions;
mod gateway;
mod header_secrets;
mod http_policy;
mod install_terms;
mod installs;
mod keyless;
mod lifecycle;
mod limits;
mod linearizable;
mod load;
mod objects;
mod optional;
mod postgres;
mod registry;
mod revocations;
mod signers;
mod wasi_ambient;
