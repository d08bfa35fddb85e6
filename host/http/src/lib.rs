//! The HTTP message policy and the edge that every router shares.
//!
//! | module | its one idea |
//! |---|---|
//! | `policy` | which header fields pass, in each direction, and what each status may carry |
//! | `path` | one canonical form of a request's path |
//! | `host` | the `Host` field of a request |
//! | `field` | reading a field that may be sent once |
//! | `body` | reading a body under a limit and a deadline |
//! | `edge` | request ids, and one form for every refusal |
//! | `refusal` | a [`Problem`](alga_errors::Problem) as a response |
//! | `unparsed` | what the HTTP library refuses by itself, in the form of every refusal |
//!
//! Each rule names its section of RFC 9110 (semantics), RFC 9112 (HTTP/1.1) or RFC 3986 (URI). The guest
//! SDK cannot import this crate; `tests/api/http_policy.rs` compares what it does with these tables.

mod body;
mod edge;
mod field;
mod host;
mod path;
pub mod policy;
mod refusal;
mod unparsed;

pub use body::{BODY_TIMEOUT, read_body, read_failed};
pub use edge::{PassedOn, edge, refuse, request_id};
pub use field::{bearer, one_field};
pub use host::check_host;
pub use path::{PathError, canonical_path};
pub use refusal::Refusal;
pub use unparsed::{ConnectionState, InFlightResponse, RefusalWriter, TrackedBody};
