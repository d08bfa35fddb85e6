//! The HTTP message policy, and the edge middleware that all routers share.
//!
//! | module | responsibility |
//! |---|---|
//! | `policy` | the header fields that pass in each direction, and the content of each status |
//! | `path` | one canonical form of a request's path |
//! | `host` | validation of the `Host` field |
//! | `field` | reading of header fields that may occur only once |
//! | `body` | reading of a body with a size limit and a deadline |
//! | `page` | pages of lists, and entity tags of their responses |
//! | `endpoints` | matches requests to the endpoints of a manifest |
//! | `edge` | request ids, and the common form of error responses |
//! | `request_totals` | requests by route and status, and refusals by code |
//! | `span` | the span of a request, in which all its lines are logged |
//! | `traced` | the span of a request in its trace |
//! | `refusal` | a [`Problem`](alga_errors::Problem) as a response |
//! | `unparsed` | errors of the HTTP library itself, in the common form |
//!
//! Each rule names its section of RFC 9110 (semantics), RFC 9112 (HTTP/1.1) or RFC 3986 (URI). The
//! guest SDK cannot import this crate; `tests/api/http_policy.rs` compares its behavior with these
//! tables.

mod body;
mod cookie;
mod edge;
mod endpoints;
mod field;
mod host;
mod page;
mod path;
pub mod policy;
mod refusal;
mod request_totals;
mod span;
mod traced;
mod unparsed;

pub use body::{BODY_TIMEOUT, declared_length, read_body, read_failed};
pub use cookie::{CSRF_HEADER, LOGIN_COOKIE, SESSION_COOKIE, check_same_origin, cookie_of, session_cookie};
pub use edge::{PassedOn, Reported, edge, observed_edge, refuse, request_id};
pub use endpoints::Endpoints;
pub use field::{bearer, one_field};
pub use host::check_host;
pub use page::{PageQuery, etag};
pub use path::{PathError, canonical_path};
pub use refusal::Refusal;
pub use request_totals::RequestTotals;
pub use unparsed::{ConnectionState, InFlightResponse, RefusalWriter, TrackedBody};
