//! Runs an extension for its tests: `alga test` serves it to `cargo test`, `vitest` and `pytest`.
//!
//! The component, its capabilities, limits and policies are those of the platform, and a request is
//! executed by the platform's own execution function. What is around it is scripted by each test:
//! records, secrets, responses of other hosts and of the host application, the calling user, and
//! the time, which passes only while the extension waits.
//!
//! | module | responsibility |
//! |---|---|
//! | `script` | the JSON of a script, a request, a response and a state |
//! | `message` | bodies in JSON: as JSON, text or base64 |
//! | `time` | the time that an extension observes |
//! | `idle` | lets time pass when an execution waits for it |
//! | `records` | records in memory, as `alga:storage/kv` promises |
//! | `upstream` | responses of other hosts, and the requests that were sent |
//! | `release` | the bundle, compiled and loaded once |
//! | `host` | one test's host: executes requests, shows its state |
//! | `server` | the routes for the tests' libraries |

mod host;
mod idle;
mod message;
mod records;
mod release;
mod script;
mod server;
mod stubs;
mod time;
mod upstream;

pub use host::TestHost;
pub use release::{TestHostError, TestRelease, TestReleaseSettings};
pub use script::{Script, State, TestRequest, TestResponse};
pub use server::router;
