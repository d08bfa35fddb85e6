//! The only composition root. Only here are the components of the server connected: configuration
//! becomes pools, pools become services, services become routers.
//!
//! | module | responsibility |
//! |---|---|
//! | `config` | every setting, from flags, environment, file and defaults |
//! | `host_keys` | keys of this host, generated once, readable by its user alone |
//! | `platform` | all components of the server, connected |
//! | `adapters` | the store behind the traits of lower layers |
//! | `host_dependencies` | what capabilities use: egress, host application, secrets, records |
//! | `executions` | queue that writes execution records to the database |
//! | `memory` | no core file, no debugger |
//! | `metrics` | metrics of extensions, for the operator |
//! | `confine` | files, ports and system calls that this process needs |
//! | `doctor` | examines a deployment |
//! | `crashes` | counts crashes of earlier runners |
//! | `maintenance` | deletes what is over, every hour |
//! | `minute_keeper` | writes sums of executions |
//! | `quota_keeper` | quotas of the runner, and of the database |
//! | `revocations` | the revocation list that a process starts with |
//! | `shared` | resources that several components share |
//! | `serve` | HTTP server with graceful shutdown |
//! | `profile` | samples of the guests of an install |
//! | `live` | what executions do while they run, as server-sent events |
//! | `linger` | a response that arrives although its request was not read |
//! | `serve_limits` | limits of connections |
//! | `connection` | one connection: HTTP/1.1 or HTTP/2 |
//! | `tls` | the certificate for TLS |
//! | `address_limit` | connections from one address |
//! | `credentials` | the credentials that a process accepts |
//! | `jwks_source` | the keys of an OpenID provider |
//! | `provider` | the endpoints of an OpenID provider |
//! | `login` | sign-in of browsers at an OpenID provider |
//! | `drain` | removing a process from its load balancer |
//! | `operator` | the check that a request is an operator's |
//! | `stored_pages` | pages of extensions, from database and blob store |
//! | `stored_replies` | responses by idempotency key, in the database |
//! | `sessions` | sessions of browsers |
//! | `stall` | HTTP/2 clients that do not read |
//! | `start_error` | errors that prevent the server from starting |
//! | `telemetry` | logging and the panic hook |
//! | `watchdog` | ends a process that cannot enforce its limits |

mod adapters;
mod address_limit;
mod config;
mod confine;
mod connection;
mod crashes;
mod credentials;
mod doctor;
mod drain;
mod executions;
mod host_dependencies;
mod host_keys;
mod jwks_source;
mod linger;
mod live;
mod login;
mod maintenance;
mod memory;
mod metrics;
mod minute_keeper;
mod operator;
mod platform;
mod profile;
mod provider;
mod quota_keeper;
mod revocations;
mod serve;
mod serve_limits;
mod sessions;
mod shared;
mod stall;
mod start_error;
mod stored_pages;
mod stored_replies;
mod telemetry;
mod tls;
mod watchdog;

pub use config::{
    Config, ConfigError, EffectiveSetting, InvalidWeight, KeyFiles, Origin, Role, Setting, TenantWeights, compiler_path,
};
pub use confine::{ConfineError, confine_files, confine_system_calls};
pub use doctor::{Finding, FindingState, examine};
pub use executions::ExecutionRecordWriter;
pub use host_keys::{HostKeyError, HostKeys};
pub use memory::protect_memory;
pub use minute_keeper::MinuteKeeper;
pub use platform::Platform;
pub use quota_keeper::QuotaKeeper;
pub use serve::{Listener, ServeError, serve};
pub use serve_limits::ServeLimits;
pub use start_error::StartError;
pub use telemetry::{LogFormat, StartedLog, start_log};
pub use tls::{TlsCertificate, TlsError, TlsFiles};
