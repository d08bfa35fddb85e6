//! The only composition root. Here, and nowhere else, parts meet: configuration becomes pools, pools become services, services become routers.
//!
//! | module | its one idea |
//! |---|---|
//! | `config` | every setting, from flags, environment, file and defaults |
//! | `secrets` | keys of this host, made once, readable by its user alone |
//! | `platform` | all parts put together |
//! | `adapters` | the store as the backends that lower floors ask for |
//! | `outside` | what capabilities have around them: the way out, the product, secrets, records |
//! | `executions` | what executions wrote, on its way into the database |
//! | `memory` | no core file, no debugger |
//! | `metrics` | what extensions measure, for the operator |
//! | `revocations` | which revocation list a process starts with |
//! | `shared` | what several parts share, made of the configuration |
//! | `serve` | a socket, and an end that loses nothing |
//! | `telemetry` | the log |

mod adapters;
mod config;
mod executions;
mod host_dependencies;
mod host_keys;
mod memory;
mod metrics;
mod platform;
mod revocations;
mod serve;
mod shared;
mod telemetry;

pub use config::{Config, ConfigError, EffectiveSetting, Origin, Setting};
pub use executions::ExecutionRecordWriter;
pub use host_keys::{HostKeyError, HostKeys};
pub use memory::keep_memory_private;
pub use platform::{Platform, StartError};
pub use serve::{ServeError, ServeLimits, serve};
pub use telemetry::{LogFormat, start_log};
